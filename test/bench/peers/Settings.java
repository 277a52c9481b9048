import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Properties;

/** What the bench asks for: names of topics, the query, its windows, and settings of Kafka Streams (`streams.*`). */
final class Settings {
  private static final String STREAMS = "streams.";

  private final Properties all = new Properties();

  Settings(String file) throws IOException {
    try (var reader = Files.newBufferedReader(Path.of(file))) {
      all.load(reader);
    }
  }

  String text(String name) {
    String value = all.getProperty(name);
    if (value == null) throw new IllegalArgumentException("the setting " + name + " is missing");
    return value;
  }

  int number(String name) {
    return Integer.parseInt(text(name));
  }

  Duration millis(String name) {
    return Duration.ofMillis(number(name));
  }

  Properties streams() {
    Properties streams = new Properties();
    for (String name : all.stringPropertyNames())
      if (name.startsWith(STREAMS)) streams.put(name.substring(STREAMS.length()), all.getProperty(name));
    return streams;
  }
}
