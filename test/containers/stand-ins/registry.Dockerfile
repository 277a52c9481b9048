FROM docker.io/library/debian:bookworm-slim
# The registry needs Java 21, which comes one Debian release later.
RUN sed s/bookworm/trixie/ /etc/apt/sources.list > /etc/apt/sources.list.d/trixie.list \
 && apt-get update && apt-get install -y --no-install-recommends curl openjdk-21-jre-headless && rm -rf /var/lib/apt/lists/*
COPY deployments /deployments
USER 1001
WORKDIR /deployments
EXPOSE 8080
# Shell form on purpose: JAVA_OPTIONS is a list of flags, as in the official image.
CMD exec java $JAVA_OPTIONS -jar /deployments/quarkus-run.jar
