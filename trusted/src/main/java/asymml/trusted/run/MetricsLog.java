package asymml.trusted.run;

import asymml.model.ClearStore;
import asymml.model.FileReason;
import asymml.model.PrivateFiles;
import asymml.model.PrivateStore;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// `metrics.jsonl`: one JSON object per line and epoch, on disk before [#append] returns.
///
/// A process that is killed while it appends can leave a torn last line, one without its line feed.
/// [#readAll] passes over it, so that a run can be watched in progress; [#truncateAfter] removes
/// it. A trainer that writes an epoch's line before the epoch's checkpoint finds, when it resumes
/// from a checkpoint, the lines of all its epochs.
///
/// Doubles are written with the fewest digits that read back to the same bits.
public final class MetricsLog implements AutoCloseable {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /// Where lines go.
  private sealed interface Sink extends Closeable permits Appended, Replaced {
    void append(byte[] line) throws IOException;
  }

  private final Sink sink;

  private MetricsLog(Sink sink) {
    this.sink = sink;
  }

  /// Opens the log of a run to append to.
  ///
  /// @param layout of the run
  /// @return a log whose next line goes behind the existing ones
  /// @throws IOException as [#open(Path)]
  public static MetricsLog open(RunLayout layout) throws IOException {
    return layout.store().isSealed()
        ? new MetricsLog(Replaced.open(layout.store(), layout.metrics()))
        : open(layout.metrics());
  }

  /// Opens a log to append to.
  ///
  /// @param file created if absent
  /// @return a log whose next line goes behind the existing ones
  /// @throws IOException if the file cannot be opened, or ends in a torn line: then
  ///   [#truncateAfter] was not called
  public static MetricsLog open(Path file) throws IOException {
    return new MetricsLog(Appended.open(file));
  }

  /// A file in clear, to which lines are appended.
  private record Appended(Path file, FileChannel channel) implements Sink {
    static Appended open(Path file) throws IOException {
      FileChannel channel;
      try {
        channel =
            PrivateFiles.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      } catch (IOException e) {
        throw new IOException("cannot open " + file + ": " + FileReason.of(e), e);
      }
      Appended sink = new Appended(file, channel);
      try {
        long end = channel.size();
        if (end > 0 && sink.lastByte(end) != '\n') {
          throw new IOException(
              file + " ends in a torn line: it was not truncated before resuming");
        }
        channel.position(end);
        return sink;
      } catch (IOException e) {
        throw sink.closing(e);
      }
    }

    private byte lastByte(long end) throws IOException {
      ByteBuffer last = ByteBuffer.allocate(1);
      channel.read(last, end - 1);
      return last.get(0);
    }

    private IOException closing(IOException why) {
      try {
        close();
      } catch (IOException e) {
        why.addSuppressed(e);
      }
      return why;
    }

    @Override
    public void append(byte[] line) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(line);
      long before = channel.position();
      try {
        while (bytes.hasRemaining()) {
          channel.write(bytes);
        }
        channel.force(false);
      } catch (IOException e) {
        throw undone(before, new IOException("cannot write " + file + ": " + FileReason.of(e), e));
      }
    }

    /// Part of a line would make the next one unreadable as well.
    private IOException undone(long length, IOException why) {
      try {
        channel.truncate(length);
      } catch (IOException e) {
        why.addSuppressed(e);
      }
      return why;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /// A sealed file, which is written anew with each line: an epoch has one.
  private record Replaced(PrivateStore store, Path file, ByteArrayOutputStream text)
      implements Sink {
    static Replaced open(PrivateStore store, Path file) throws IOException {
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      if (Files.exists(file)) {
        text.writeBytes(store.content(file));
      }
      return new Replaced(store, file, text);
    }

    @Override
    public void append(byte[] line) throws IOException {
      text.writeBytes(line);
      store.replace(file, text.toByteArray());
    }

    @Override
    public void close() {}
  }

  /// Appends one line and forces it to disk.
  ///
  /// @param metrics the epoch's
  /// @throws IOException if it cannot be written, for example because the disk is full; the lines
  ///   before it stay
  public void append(EpochMetrics metrics) throws IOException {
    String line = JSON.writeValueAsString(metrics) + "\n";
    sink.append(line.getBytes(StandardCharsets.UTF_8));
  }

  /// Reads all complete lines.
  ///
  /// @param file a log; a torn last line is passed over
  /// @return the epochs in the order of the file
  /// @throws IOException if the file cannot be read, or naming the line that is not as it should be
  public static List<EpochMetrics> readAll(Path file) throws IOException {
    return parse(file, completeLines(ClearStore.CLEAR, file));
  }

  /// Reads all lines of a run.
  ///
  /// @param layout of the run
  /// @return the epochs in the order of the file; none if there is no file
  /// @throws IOException as [#readAll(Path)]
  public static List<EpochMetrics> readAll(RunLayout layout) throws IOException {
    Path file = layout.metrics();
    return Files.exists(file) ? parse(file, completeLines(layout.store(), file)) : List.of();
  }

  /// Drops, atomically, a torn last line and the lines of later epochs, so that a resumed run
  /// writes them anew. The lines that stay keep their bytes. The log must not be open.
  ///
  /// @param file a log; if it does not exist there is nothing to drop and it is not created
  /// @param epoch the last epoch whose line stays; 0 drops all
  /// @return the epochs that stayed
  /// @throws IOException as [#readAll], or if the shortened file cannot be written
  public static List<EpochMetrics> truncateAfter(Path file, int epoch) throws IOException {
    return truncateAfter(ClearStore.CLEAR, file, epoch);
  }

  /// The same of a run.
  ///
  /// @param layout of the run
  /// @param epoch the last epoch whose line stays; 0 drops all
  /// @return the epochs that stayed
  /// @throws IOException as [#truncateAfter(Path, int)]
  public static List<EpochMetrics> truncateAfter(RunLayout layout, int epoch) throws IOException {
    return truncateAfter(layout.store(), layout.metrics(), epoch);
  }

  private static List<EpochMetrics> truncateAfter(PrivateStore store, Path file, int epoch)
      throws IOException {
    if (!Files.exists(file)) {
      return List.of();
    }
    List<String> lines = completeLines(store, file);
    List<EpochMetrics> all = parse(file, lines);
    List<EpochMetrics> kept = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      if (all.get(i).epoch() <= epoch) {
        kept.add(all.get(i));
        text.append(lines.get(i)).append('\n');
      }
    }
    store.replace(file, text.toString().getBytes(StandardCharsets.UTF_8));
    return kept;
  }

  private static List<String> completeLines(PrivateStore store, Path file) throws IOException {
    // The lines are ASCII; ISO-8859-1 reads any damage without failing and leaves it to the parser.
    String text = new String(store.content(file), StandardCharsets.ISO_8859_1);
    return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
  }

  private static List<EpochMetrics> parse(Path file, List<String> lines) throws IOException {
    List<EpochMetrics> all = new ArrayList<>();
    for (String line : lines) {
      try {
        all.add(parse(line));
      } catch (JacksonException e) {
        throw new IOException(
            file + ": line " + (all.size() + 1) + " is not the metrics of an epoch", e);
      }
    }
    return all;
  }

  /// Metrics that are not known are not written; all others must be there.
  private static EpochMetrics parse(String line) {
    if (JSON.readTree(line) instanceof ObjectNode metrics) {
      EpochMetrics.OPTIONAL.stream().filter(name -> !metrics.has(name)).forEach(metrics::putNull);
      return JSON.treeToValue(metrics, EpochMetrics.class);
    }
    return JSON.readValue(line, EpochMetrics.class);
  }

  /// Closes the file. May be called more than once.
  ///
  /// @throws IOException if the system reports a failure
  @Override
  public void close() throws IOException {
    sink.close();
  }
}
