import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serializer;

/**
 * Avro with a registry's frame: a zero byte, the schema's id, the body. Confluent's serializer is in no public Maven
 * repository; this does the same work with less around it: ids, readers and writers are kept, buffers are used again.
 * For one thread.
 */
final class FramedAvro implements Serde<GenericRecord> {
  static final int FRAME_BYTES = 5;

  private final Registry registry;
  private final Registry.Registered own;
  private final GenericDatumWriter<GenericRecord> writer;
  private final Map<Integer, GenericDatumReader<GenericRecord>> readers = new HashMap<>();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream(1024);
  private BinaryEncoder encoder;
  private BinaryDecoder decoder;

  /** @param own what is written with, and read into */
  FramedAvro(Registry registry, Registry.Registered own) {
    this.registry = registry;
    this.own = own;
    this.writer = new GenericDatumWriter<>(own.schema());
  }

  @Override
  public Serializer<GenericRecord> serializer() {
    return (topic, value) -> value == null ? null : encode(value);
  }

  @Override
  public Deserializer<GenericRecord> deserializer() {
    return (topic, bytes) -> bytes == null ? null : decode(bytes);
  }

  private byte[] encode(GenericRecord value) {
    try {
      int id = own.id();
      out.reset();
      out.write(0);
      for (int shift = 24; shift >= 0; shift -= 8) out.write(id >>> shift);
      encoder = EncoderFactory.get().directBinaryEncoder(out, encoder);
      writer.write(value, encoder);
      return out.toByteArray();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private GenericRecord decode(byte[] bytes) {
    try {
      GenericDatumReader<GenericRecord> reader = readers.computeIfAbsent(
          ByteBuffer.wrap(bytes).getInt(1), id -> new GenericDatumReader<>(registry.byId(id), own.schema()));
      decoder = DecoderFactory.get().binaryDecoder(bytes, FRAME_BYTES, bytes.length - FRAME_BYTES, decoder);
      return reader.read(null, decoder);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }
}
