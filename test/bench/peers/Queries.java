import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.WindowStore;

/** The topologies of the bench: each step is the one of the engine's query of the same name. */
final class Queries {
  /**
   * Results of windows are looked for once a second of wall time, and by then a store with the default retention may
   * have dropped them: event time runs faster than the wall's where topics are read from their beginning.
   */
  private static final Duration RETENTION = Duration.ofMinutes(10);

  private final Settings settings;
  private final Registry registry;
  private final StreamsBuilder builder = new StreamsBuilder();
  private final FramedAvro resultKeys;
  private final FramedAvro resultValues;
  private final Schema resultKey;
  private final Schema result;

  Queries(Settings settings, Registry registry) {
    this.settings = settings;
    this.registry = registry;
    Registry.Registered key = registry.latest(settings.text("result") + "-key");
    Registry.Registered value = registry.latest(settings.text("result") + "-value");
    resultKeys = new FramedAvro(registry, key);
    resultValues = new FramedAvro(registry, value);
    resultKey = key.schema();
    result = value.schema();
  }

  Topology build() {
    String query = settings.text("query");
    switch (query) {
      case "join" -> write(join());
      case "enrich" -> write(enrich());
      case "hopping" -> write(hopping());
      case "tumbling" -> write(tumbling());
      case "fk-join" -> write(foreignKeyJoin());
      default -> throw new IllegalArgumentException("no query " + query);
    }
    return builder.build(settings.streams());
  }

  private KStream<GenericRecord, GenericRecord> join() {
    FramedAvro auction = values("auctions");
    FramedAvro bid = values("bids");
    JoinWindows windows = JoinWindows
        .ofTimeDifferenceAndGrace(Duration.ZERO, settings.millis("grace.ms"))
        .after(settings.millis("auction.ms"));
    return stream("auctions", auction)
        .join(stream("bids", bid), this::openBid, windows, StreamJoined.with(keys("auctions"), auction, bid))
        .filter((key, open) -> (long) open.get("date_time") <= (long) open.get("expires"));
  }

  private GenericRecord openBid(GenericRecord auction, GenericRecord bid) {
    GenericRecord open = new GenericData.Record(result);
    open.put("auction", auction.get("id"));
    open.put("category", auction.get("category"));
    open.put("bidder", bid.get("bidder"));
    open.put("price", bid.get("price"));
    open.put("date_time", bid.get("date_time"));
    open.put("opened", auction.get("date_time"));
    open.put("expires", auction.get("expires"));
    return open;
  }

  private KStream<GenericRecord, GenericRecord> enrich() {
    int category = settings.number("category");
    return stream("bids", values("bids"))
        .join(table("auctions"), this::enriched)
        .filter((key, bid) -> (int) bid.get("category") == category);
  }

  private GenericRecord enriched(GenericRecord bid, GenericRecord auction) {
    GenericRecord enriched = new GenericData.Record(result);
    for (String field : new String[] {"auction", "bidder", "price", "channel", "url", "date_time"})
      enriched.put(field, bid.get(field));
    for (String field : new String[] {
      "item_name", "description", "initial_bid", "reserve", "expires", "seller", "category"
    }) enriched.put(field, auction.get(field));
    enriched.put("opened", auction.get("date_time"));
    return enriched;
  }

  private KStream<GenericRecord, GenericRecord> hopping() {
    TimeWindows windows = TimeWindows
        .ofSizeAndGrace(settings.millis("hop.size.ms"), settings.millis("grace.ms"))
        .advanceBy(settings.millis("hop.advance.ms"));
    return rows(windowed(windows)
        .count(Materialized.<GenericRecord, Long, WindowStore<Bytes, byte[]>>as("bid-counts")
            .withKeySerde(keys("bids"))
            .withValueSerde(Serdes.Long())
            .withRetention(RETENTION))
        .toStream());
  }

  private KStream<GenericRecord, GenericRecord> tumbling() {
    TimeWindows windows =
        TimeWindows.ofSizeAndGrace(settings.millis("tumble.ms"), settings.millis("grace.ms"));
    return rows(windowed(windows)
        .aggregate(
            () -> 0L,
            (key, bid, highest) -> Math.max(highest, (long) bid.get("price")),
            Materialized.<GenericRecord, Long, WindowStore<Bytes, byte[]>>as("highest")
                .withKeySerde(keys("bids"))
                .withValueSerde(Serdes.Long())
                .withRetention(RETENTION))
        .toStream());
  }

  private TimeWindowedKStream<GenericRecord, GenericRecord> windowed(TimeWindows windows) {
    FramedAvro bid = values("bids");
    return stream("bids", bid)
        .groupByKey(Grouped.with(keys("bids"), bid))
        .windowedBy(windows)
        .emitStrategy(EmitStrategy.onWindowClose());
  }

  private KStream<GenericRecord, GenericRecord> rows(KStream<Windowed<GenericRecord>, Long> results) {
    return results.map((windowed, value) -> {
      GenericRecord key = new GenericData.Record(resultKey);
      key.put("id", windowed.key().get("id"));
      key.put("window_start", windowed.window().start());
      key.put("window_end", windowed.window().end());
      GenericRecord row = new GenericData.Record(result);
      row.put("result", value);
      return KeyValue.pair(key, row);
    });
  }

  private KStream<GenericRecord, GenericRecord> foreignKeyJoin() {
    int category = settings.number("category");
    Set<String> states = Set.of(settings.text("states").split(","));
    FramedAvro personKeys = keys("persons");
    Schema personKey = registry.latest(settings.text("persons") + "-key").schema();
    KTable<GenericRecord, GenericRecord> persons =
        table("persons").filter((key, person) -> states.contains(person.get("state").toString()));
    KTable<GenericRecord, GenericRecord> auctions =
        table("auctions").filter((key, auction) -> (int) auction.get("category") == category);
    // Rows lie where their key's body puts them, without the frame, and so must what asks for them and what answers.
    TableJoined<GenericRecord, GenericRecord> places = TableJoined.with(
        byBody(keys("auctions"), settings.text("auctions")), byBody(personKeys, settings.text("persons")));
    return auctions
        .join(
            persons,
            auction -> {
              GenericRecord key = new GenericData.Record(personKey);
              key.put("id", auction.get("seller"));
              return key;
            },
            this::localItem,
            places)
        .toStream();
  }

  private GenericRecord localItem(GenericRecord auction, GenericRecord person) {
    GenericRecord item = new GenericData.Record(result);
    for (String field : new String[] {"name", "city", "state"}) item.put(field, person.get(field));
    item.put("auction", auction.get("id"));
    item.put("opened", auction.get("date_time"));
    item.put("registered", person.get("date_time"));
    return item;
  }

  private static StreamPartitioner<GenericRecord, Void> byBody(FramedAvro keys, String name) {
    return (topic, key, value, partitions) -> {
      byte[] framed = keys.serializer().serialize(name, key);
      byte[] body = java.util.Arrays.copyOfRange(framed, FramedAvro.FRAME_BYTES, framed.length);
      return Optional.of(Set.of(Utils.toPositive(Utils.murmur2(body)) % partitions));
    };
  }

  private void write(KStream<GenericRecord, GenericRecord> results) {
    results.to(settings.text("result"), Produced.with(resultKeys, resultValues));
  }

  private FramedAvro keys(String topic) {
    return new FramedAvro(registry, registry.latest(settings.text(topic) + "-key"));
  }

  private FramedAvro values(String topic) {
    return new FramedAvro(registry, registry.latest(settings.text(topic) + "-value"));
  }

  private KStream<GenericRecord, GenericRecord> stream(String topic, Serde<GenericRecord> values) {
    return builder.stream(settings.text(topic), Consumed.with(keys(topic), values));
  }

  private KTable<GenericRecord, GenericRecord> table(String topic) {
    return builder.table(settings.text(topic), Consumed.with(keys(topic), values(topic)));
  }
}
