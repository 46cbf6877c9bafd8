package asymml.trusted.data.format;

import asymml.trusted.data.format.ParquetFooter.Chunk;
import asymml.trusted.data.format.ParquetFooter.Group;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The values of one column by their rows, unpacked a page at a time. Any number of threads may
/// read; a few pages are kept, since rows that follow each other are in one.
public final class ParquetValues {
  /// What is kept of pages, beyond the last one.
  private static final long KEPT_BYTES = 64L << 20;

  /// A page of values, and the dictionary of its row group.
  private record Place(ParquetPage page, int codec, @Nullable ParquetPage dictionary) {}

  private final FileBytes file;
  private final ParquetColumn column;
  private final List<Place> places = new ArrayList<>();
  private final Map<ParquetPage, PageValues> kept = new LinkedHashMap<>(16, 0.75f, true);
  private long keptBytes;

  /// Pages of a few bytes each would be looked for in gigabytes one by one.
  private static final int MOST_EMPTY_PAGES = 1000;

  /// Finds the pages of a column; none is read.
  ParquetValues(FileBytes file, ParquetFooter footer, ParquetColumn column, int mostPageBytes)
      throws IOException, FormatException {
    this.file = file;
    this.column = column;
    if (column.repeated()) {
      throw new FormatException(
          "has a column %s of lists, which are not read".formatted(column.name()));
    }
    long row = 0;
    for (Group group : footer.groups()) {
      addPages(group.chunks().get(column.index()), row, mostPageBytes);
      row += group.rows();
    }
  }

  private void addPages(Chunk chunk, long firstRow, int mostPageBytes)
      throws IOException, FormatException {
    PageValues.requireCodec(chunk.codec());
    ParquetPage dictionary = null;
    long at = chunk.from();
    long end = chunk.from() + chunk.bytes();
    long done = 0;
    int empty = 0;
    while (done < chunk.values()) {
      if (empty > MOST_EMPTY_PAGES) {
        throw ParquetFooter.damaged("a column has pages without values");
      }
      if (at >= end) {
        throw ParquetFooter.damaged("a column has fewer values than it declares");
      }
      ParquetPage page = ParquetPage.read(file, at, end, firstRow + done, mostPageBytes);
      switch (page.kind()) {
        case ParquetPage.DICTIONARY -> {
          dictionary = page;
          empty++;
        }
        case ParquetPage.INDEX -> empty++;
        default -> {
          if (page.values() > chunk.values() - done) {
            throw ParquetFooter.damaged("a column has more values than it declares");
          }
          if (page.values() > 0) {
            places.add(new Place(page, chunk.codec(), dictionary));
          } else {
            empty++;
          }
          done += page.values();
        }
      }
      at = page.from() + page.packed();
    }
  }

  /// A value's bytes.
  ///
  /// @param row from 0
  /// @return a new array; null if there is no value
  /// @throws IOException if the file cannot be read
  /// @throws FormatException if the page is damaged, or packed in a way that is not read
  public byte @Nullable [] bytes(long row) throws IOException, FormatException {
    Place place = place(row);
    return values(place).bytes((int) (row - place.page.firstRow()));
  }

  /// A value of a column of text, or of whole numbers as text.
  ///
  /// @param row from 0
  /// @return null if there is no value
  /// @throws IOException if the file cannot be read
  /// @throws FormatException as [#bytes]
  public @Nullable String text(long row) throws IOException, FormatException {
    byte[] bytes = bytes(row);
    if (bytes == null) {
      return null;
    }
    if (column.type() == ParquetColumn.BYTES) {
      return new String(bytes, StandardCharsets.UTF_8);
    }
    ByteBuffer number = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return Long.toString(column.type() == ParquetColumn.INT32 ? number.getInt() : number.getLong());
  }

  /// The page of a row: the last one that begins at it or before.
  private Place place(long row) {
    int low = 0;
    int high = places.size() - 1;
    while (low < high) {
      int middle = (low + high + 1) >>> 1;
      if (places.get(middle).page.firstRow() <= row) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    if (row < 0
        || places.isEmpty()
        || row - places.get(low).page.firstRow() >= places.get(low).page.values()) {
      throw new IllegalArgumentException("no row of this file: " + row);
    }
    return places.get(low);
  }

  private PageValues values(Place place) throws IOException, FormatException {
    PageValues found = kept(place.page);
    if (found != null) {
      return found;
    }
    PageValues dictionary = null;
    if (place.dictionary != null) {
      dictionary = kept(place.dictionary);
      if (dictionary == null) {
        dictionary = PageValues.read(file, place.dictionary, place.codec, column, null);
        keep(place.dictionary, dictionary);
      }
    }
    PageValues values = PageValues.read(file, place.page, place.codec, column, dictionary);
    keep(place.page, values);
    return values;
  }

  private synchronized @Nullable PageValues kept(ParquetPage page) {
    return kept.get(page);
  }

  private synchronized void keep(ParquetPage page, PageValues values) {
    PageValues before = kept.put(page, values);
    keptBytes += values.heapBytes() - (before == null ? 0 : before.heapBytes());
    var oldest = kept.entrySet().iterator();
    while (keptBytes > KEPT_BYTES && kept.size() > 1) {
      keptBytes -= oldest.next().getValue().heapBytes();
      oldest.remove();
    }
  }
}
