# The official image's folders and user. Kafka's own kafka.docker.KafkaDockerWrapper turns KAFKA_* variables into
# server.properties here as it does there.
FROM docker.io/library/debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home appuser \
 && mkdir -p /etc/kafka/docker /etc/kafka/secrets /mnt/shared/config /opt/kafka/config /opt/kafka/bin /var/lib/kafka/data \
 && chown -R appuser /opt/kafka /mnt/shared /etc/kafka /var/lib/kafka
COPY libs /opt/kafka/libs
COPY kafka-server.properties /etc/kafka/docker/server.properties
COPY kafka-log4j2.yaml /etc/kafka/docker/log4j2.yaml
COPY kafka-log4j2.yaml /etc/kafka/docker/tools-log4j2.yaml
COPY --chmod=755 kafka-run.sh /etc/kafka/docker/run
COPY --chmod=755 kafka-tool.sh /opt/kafka/bin/kafka-tool.sh
RUN cd /opt/kafka/bin && for tool in topics console-consumer console-producer consumer-groups broker-api-versions configs; do \
      ln -s kafka-tool.sh kafka-$tool.sh; done
USER appuser
ENV CLUSTER_ID=5L6g3nShT-eMCtK--X86sw
EXPOSE 9092
CMD ["/etc/kafka/docker/run"]
