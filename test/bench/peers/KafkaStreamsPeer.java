import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Kafka Streams on one of the bench's queries, until it is told to stop. The argument is a file of settings. */
public final class KafkaStreamsPeer {
  private KafkaStreamsPeer() {}

  public static void main(String[] args) throws Exception {
    Settings settings = new Settings(args[0]);
    Topology topology = new Queries(settings, new Registry(settings.text("registry.url"))).build();
    KafkaStreams streams = new KafkaStreams(topology, settings.streams());
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.setStateListener((to, from) -> {
      System.out.println("state " + to);
      if (to == KafkaStreams.State.ERROR) Runtime.getRuntime().halt(1);
    });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
  }
}
