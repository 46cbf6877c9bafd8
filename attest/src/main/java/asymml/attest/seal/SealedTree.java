package asymml.attest.seal;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/// A folder in one sealed file: the contents of its files one after the other, then an index of
/// names and places, then the index's size. Names are private too.
public final class SealedTree implements AutoCloseable {
  /// The index of 50 million files.
  private static final long MOST_INDEX = 1L << 30;

  private static final int BUFFER = 1 << 16;

  private static final String NEITHER = " is neither a file nor a folder: it cannot be sealed";

  private final SealedReader reader;
  private final Map<String, Place> places;

  private record Place(long offset, long size) {}

  private SealedTree(SealedReader reader, Map<String, Place> places) {
    this.reader = reader;
    this.places = places;
  }

  /// Seals a folder.
  ///
  /// @param folder with regular files, in folders of any depth; links and other things are refused
  /// @param target the sealed file
  /// @param key of the owner
  /// @param random of the operating system
  /// @return the number of files
  /// @throws IOException one line, if something cannot be read or written, or changes meanwhile
  public static int seal(Path folder, Path target, DataKey key, SecureRandom random)
      throws IOException {
    List<Path> files = files(folder);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DataOutputStream index = new DataOutputStream(bytes);
    index.writeInt(files.size());
    long total = 0;
    List<Long> sizes = new ArrayList<>();
    for (Path file : files) {
      byte[] name = folder.relativize(file).toString().getBytes(StandardCharsets.UTF_8);
      sizes.add(Files.size(file));
      index.writeShort(name.length);
      index.write(name);
      index.writeLong(sizes.getLast());
      total += sizes.getLast();
    }
    index.writeLong(bytes.size());
    byte[] end = bytes.toByteArray();
    try (SealedWriter out =
        new SealedWriter(target, key, random, SealKind.TREE, total + end.length, new byte[0])) {
      for (int i = 0; i < files.size(); i++) {
        copy(files.get(i), sizes.get(i), out);
      }
      out.write(end);
      out.finish();
    }
    return files.size();
  }

  private static List<Path> files(Path folder) throws IOException {
    List<Path> files = new ArrayList<>();
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path each : all.sorted().toList()) {
        if (Files.isRegularFile(each, LinkOption.NOFOLLOW_LINKS)) {
          files.add(each);
        } else if (!Files.isDirectory(each, LinkOption.NOFOLLOW_LINKS)) {
          throw new SealException(each + NEITHER);
        }
      }
    } catch (UncheckedIOException e) {
      throw Objects.requireNonNull(e.getCause());
    }
    return files;
  }

  private static void copy(Path file, long size, SealedWriter out) throws IOException {
    byte[] buffer = new byte[BUFFER];
    long copied = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        out.write(buffer, 0, read);
        copied += read;
      }
    }
    if (copied != size) {
      throw new SealException(file + " changed while it was sealed");
    }
  }

  /// Seals one file.
  ///
  /// @param file to be sealed
  /// @param target the sealed file
  /// @param key of the owner
  /// @param random of the operating system
  /// @throws IOException one line, if something cannot be read or written, or changes meanwhile
  public static void sealFile(Path file, Path target, DataKey key, SecureRandom random)
      throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new SealException(file + NEITHER);
    }
    long size = Files.size(file);
    try (SealedWriter out =
        new SealedWriter(target, key, random, SealKind.FILE, size, new byte[0])) {
      copy(file, size, out);
      out.finish();
    }
  }

  /// Opens a sealed folder and reads its index.
  ///
  /// @param file sealed
  /// @param key of its owner
  /// @return its files
  /// @throws IOException one line, if it is no sealed folder of this key, cut or changed
  public static SealedTree open(Path file, DataKey key) throws IOException {
    SealedReader reader = new SealedReader(file, key);
    try {
      if (reader.kind() != SealKind.TREE) {
        throw new SealException(file + " is one sealed file, expected a sealed folder");
      }
      return new SealedTree(reader, index(file, reader));
    } catch (IOException e) {
      reader.close();
      throw e;
    }
  }

  private static Map<String, Place> index(Path file, SealedReader reader) throws IOException {
    long end = reader.length() - Long.BYTES;
    long size = end < 0 ? -1 : ByteBuffer.wrap(reader.read(end, Long.BYTES)).getLong();
    if (size < Integer.BYTES || size > Math.min(end, MOST_INDEX)) {
      throw new SealException(file + ": an index of " + size + " bytes");
    }
    ByteBuffer in = ByteBuffer.wrap(reader.read(end - size, (int) size));
    Map<String, Place> places = new LinkedHashMap<>();
    int count = in.getInt();
    long offset = 0;
    for (int i = 0; i < count; i++) {
      if (in.remaining() < 2 || in.remaining() < (in.getShort(in.position()) & 0xffff) + 10) {
        throw new SealException(file + ": its index is cut short");
      }
      ByteBuffer name = in.slice(in.position() + 2, in.getShort() & 0xffff);
      in.position(in.position() + name.remaining());
      long length = in.getLong();
      if (length < 0 || length > end - size - offset) {
        throw new SealException(file + ": its index names a file beyond the end");
      }
      if (places.put(name(file, name), new Place(offset, length)) != null) {
        throw new SealException(file + ": its index names a file twice");
      }
      offset += length;
    }
    if (in.hasRemaining() || offset != end - size) {
      throw new SealException(file + ": its index does not fit its contents");
    }
    return places;
  }

  /// A relative path of plain names: nothing leads out of the folder to which it is opened.
  private static String name(Path file, ByteBuffer bytes) throws SealException {
    String name;
    try {
      name = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
    } catch (CharacterCodingException e) {
      throw new SealException(file + ": a name in its index is no UTF-8", e);
    }
    if (name.indexOf('\0') >= 0
        || Stream.of(name.split("/", -1))
            .anyMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."))) {
      throw new SealException(file + ": its index has a name that is no relative path");
    }
    return name;
  }

  /// The names of all files, as relative paths with `/`.
  ///
  /// @return in the order of the contents
  public List<String> names() {
    return Collections.unmodifiableList(new ArrayList<>(places.keySet()));
  }

  /// The size of a file.
  ///
  /// @param name one of [#names]
  /// @return bytes
  public long size(String name) {
    return place(name).size;
  }

  private Place place(String name) {
    Place place = places.get(name);
    if (place == null) {
      throw new IllegalArgumentException("no such file in the sealed folder");
    }
    return place;
  }

  /// Reads a part of a file.
  ///
  /// @param name one of [#names]
  /// @param position of the first byte in the file
  /// @param size how many
  /// @return new
  /// @throws IOException one line, if a chunk does not hold
  /// @throws IndexOutOfBoundsException if the file is shorter
  public byte[] read(String name, long position, int size) throws IOException {
    Place place = place(name);
    Objects.checkFromIndexSize(position, size, place.size);
    return reader.read(place.offset + position, size);
  }

  @Override
  public void close() throws IOException {
    reader.close();
  }
}
