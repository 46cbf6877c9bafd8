package asymml.session.owner;

import asymml.attest.seal.DataKey;
import asymml.attest.seal.SealKind;
import asymml.attest.seal.SealedChannel;
import asymml.attest.seal.SealedReader;
import asymml.attest.seal.SealedWriter;
import asymml.model.FileReason;
import asymml.model.PrivateStore;
import asymml.trusted.run.RunLayout;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.SecureRandom;
import org.jspecify.annotations.Nullable;

/// The files of one run, sealed under the owner's key. Each says what it is and of which run, so
/// that no other can stand in its place; an older one of the same kind and run can.
final class SealedStore implements PrivateStore {
  private static final int RUN_ID = 16;

  private final DataKey key;
  private final SecureRandom random;
  private final byte[] run;

  /// What every file is; null if its name says so.
  private final @Nullable SealKind only;

  private SealedStore(DataKey key, SecureRandom random, byte[] run, @Nullable SealKind only) {
    this.key = key;
    this.random = random;
    this.run = run;
    this.only = only;
  }

  /// Of a new run.
  static SealedStore begin(DataKey key, SecureRandom random) {
    byte[] run = new byte[RUN_ID];
    random.nextBytes(run);
    return new SealedStore(key, random, run, null);
  }

  /// Of the run whose checkpoint lies in a directory.
  static SealedStore resume(DataKey key, SecureRandom random, Path directory) throws IOException {
    Path checkpoint =
        new RunLayout(directory, new SealedStore(key, random, new byte[0], null)).checkpoint();
    if (!Files.isRegularFile(checkpoint)) {
      throw new IOException(
          "%s holds no sealed run (no %s)".formatted(directory, checkpoint.getFileName()));
    }
    try (SealedReader reader = new SealedReader(checkpoint, key)) {
      if (reader.kind() != SealKind.CHECKPOINT || reader.metadata().length != RUN_ID) {
        throw new IOException(checkpoint + " is no checkpoint of a sealed run");
      }
      return new SealedStore(key, random, reader.metadata(), null);
    }
  }

  /// The run's id.
  byte[] run() {
    return run.clone();
  }

  /// For models that are exported from the run.
  SealedStore ofModels() {
    return new SealedStore(key, random, run, SealKind.MODEL);
  }

  /// Removes what a killed process has not finished.
  static void clean(Path directory) throws IOException {
    try (DirectoryStream<Path> torn = Files.newDirectoryStream(directory, ".sealing-*")) {
      for (Path each : torn) {
        Files.delete(each);
      }
    }
  }

  private SealKind kind(Path file) {
    if (only != null) {
      return only;
    }
    RunLayout layout = new RunLayout(file.resolveSibling(""), this);
    Path name = file.getFileName();
    if (name.equals(layout.checkpoint().getFileName())) {
      return SealKind.CHECKPOINT;
    }
    if (name.equals(layout.ledger().getFileName())) {
      return SealKind.LEDGER;
    }
    if (name.equals(layout.metrics().getFileName())) {
      return SealKind.METRICS;
    }
    if (name.equals(layout.runFile().getFileName())) {
      return SealKind.RECORD;
    }
    throw new IllegalStateException("a sealed run has no file " + name);
  }

  @Override
  public boolean isSealed() {
    return true;
  }

  @Override
  public void replace(Path file, long size, Body body) throws IOException {
    SealKind kind = kind(file);
    try (SealedWriter out = new SealedWriter(file, key, random, kind, size, run);
        WritableByteChannel channel = Channels.newChannel(out)) {
      body.writeTo(channel);
      out.finish();
    } catch (IOException e) {
      throw new IOException("cannot write " + file + ": " + FileReason.of(e), e);
    }
  }

  @Override
  public SeekableByteChannel open(Path file) throws IOException {
    SealedReader reader = new SealedReader(file, key);
    if (reader.kind() != kind(file) || !MessageDigest.isEqual(reader.metadata(), run)) {
      reader.close();
      throw new IOException(file + " was sealed as another file, or is of another run");
    }
    return new SealedChannel(reader);
  }
}
