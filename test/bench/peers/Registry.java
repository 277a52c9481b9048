import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import org.apache.avro.Schema;

/** What is asked of the schema registry: all of it at the start, and once for each schema of a writer. */
final class Registry {
  /** A schema with its id in the registry. */
  record Registered(int id, Schema schema) {}

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient client = HttpClient.newHttpClient();
  private final String url;

  Registry(String url) {
    this.url = url;
  }

  Registered latest(String subject) {
    String name = URLEncoder.encode(subject, StandardCharsets.UTF_8);
    JsonNode answer = get("/subjects/" + name + "/versions/latest");
    return new Registered(answer.get("id").asInt(), parse(answer));
  }

  Schema byId(int id) {
    return parse(get("/schemas/ids/" + id));
  }

  private static Schema parse(JsonNode answer) {
    return new Schema.Parser().parse(answer.get("schema").asText());
  }

  private JsonNode get(String path) {
    try {
      HttpRequest request = HttpRequest.newBuilder(URI.create(url + path)).build();
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() != 200) throw new IOException(path + " answered " + answer.statusCode());
      return JSON.readTree(answer.body());
    } catch (IOException error) {
      throw new IllegalStateException("the schema registry does not answer", error);
    } catch (InterruptedException error) {
      throw new IllegalStateException("interrupted while the schema registry was asked", error);
    }
  }
}
