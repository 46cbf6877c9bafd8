package asymml.trusted.data;

import asymml.trusted.data.format.ExifOrientation;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Walks the markers of a JPEG file (ITU-T T.81, annex B).
final class JpegMarkers {
  private static final int START = 0xD8;
  private static final int END = 0xD9;
  private static final int SCAN = 0xDA;
  private static final int HUFFMAN = 0xC4;
  private static final int ARITHMETIC = 0xCC;
  private static final int QUANTISATION = 0xDB;
  private static final int RESTART_INTERVAL = 0xDD;
  private static final int FIRST_RESTART = 0xD0;
  private static final int LAST_RESTART = 0xD7;
  private static final int JFIF = 0xE0;
  private static final int EXIF = 0xE1;
  private static final int ADOBE = 0xEE;
  private static final int PROGRESSIVE = 0xC2;

  /// Progressive files have some ten; each costs a pass over the whole image.
  private static final int MOST_SCANS = 256;

  /// T.871: version 1.2, no density, no thumbnail. It says that three components are YCbCr, which
  /// keeps the codec from guessing; its samples are taken as they are all the same.
  private static final byte[] JFIF_SEGMENT = {
    (byte) 0xFF, (byte) JFIF, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 2, 0, 0, 1, 0, 1, 0, 0
  };

  private static final String EXIF_MARK = "Exif\0\0";

  private final String name;
  private final byte[] file;
  private final ByteArrayOutputStream stream;
  private final List<JpegFrame.Component> components = new ArrayList<>();
  private int at = 2;
  private int width;
  private int height;
  private boolean progressive;
  private boolean jfif;
  private @Nullable Integer adobeTransform;
  private @Nullable ExifOrientation orientation;
  private int scans;

  /// Components of the first scan.
  private int scanned;

  JpegMarkers(String name, byte[] file) {
    this.name = name;
    this.file = file;
    stream = new ByteArrayOutputStream(file.length + JFIF_SEGMENT.length);
  }

  JpegFrame parse() throws DataException {
    stream.write(0xFF);
    stream.write(START);
    stream.writeBytes(JFIF_SEGMENT);
    boolean ended = false;
    while (!ended && nextMarker()) {
      int marker = file[at - 1] & 0xFF;
      if (marker == END) {
        ended = true;
      } else if (marker != START && marker != 1 && !isRestart(marker)) {
        segment(marker);
      }
    }
    if (components.isEmpty() || scans == 0) {
      throw ImageDecoder.corrupt(name, "the file ends before its pixels begin");
    }
    // Where all is in one scan, the codec notices whether its data are whole.
    if (!ended && (progressive || scanned < components.size())) {
      throw ImageDecoder.corrupt(name, "the file ends before its end mark");
    }
    stream.write(0xFF);
    stream.write(END);
    return new JpegFrame(
        width,
        height,
        JpegColour.of(name, components, jfif, adobeTransform),
        components.size(),
        orientation == null ? ExifOrientation.UPRIGHT : orientation,
        stream.toByteArray());
  }

  /// Moves behind the next marker; false if there is none. Fill bytes, and what else stands between
  /// segments, are passed over.
  private boolean nextMarker() {
    while (at + 1 < file.length) {
      if ((file[at] & 0xFF) == 0xFF && file[at + 1] != 0 && (file[at + 1] & 0xFF) != 0xFF) {
        at += 2;
        return true;
      }
      at++;
    }
    return false;
  }

  private static boolean isRestart(int marker) {
    return marker >= FIRST_RESTART && marker <= LAST_RESTART;
  }

  private void segment(int marker) throws DataException {
    int length = at + 1 < file.length ? u16(at) : 0;
    if (length < 2 || at + length > file.length) {
      throw ImageDecoder.corrupt(name, "the file ends in one of its headers");
    }
    int end = at + length;
    switch (marker) {
      case HUFFMAN, QUANTISATION, RESTART_INTERVAL -> copy(at - 2, end);
      case JFIF -> jfif |= begins("JFIF\0", end);
      case EXIF -> {
        // The first one counts: there is to be one.
        if (orientation == null && begins(EXIF_MARK, end)) {
          orientation = ExifOrientation.of(file, at + 2 + EXIF_MARK.length(), end);
        }
      }
      case ADOBE -> {
        if (begins("Adobe", end) && length >= 14) {
          adobeTransform = file[at + 13] & 0xFF;
        }
      }
      case SCAN -> {
        scan(length);
        end = copyEntropyCoded(end);
      }
      default -> {
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC8) {
          frame(marker, length);
        }
      }
    }
    at = end;
  }

  private boolean begins(String mark, int end) {
    byte[] bytes = mark.getBytes(StandardCharsets.ISO_8859_1);
    return at + 2 + bytes.length <= end
        && new String(file, at + 2, bytes.length, StandardCharsets.ISO_8859_1).equals(mark);
  }

  private void frame(int marker, int length) throws DataException {
    if (marker > PROGRESSIVE) {
      throw ImageDecoder.unsupported(
          name, "is a JPEG file of a kind that is not read (" + process(marker) + ")");
    }
    if (!components.isEmpty()) {
      throw ImageDecoder.unsupported(name, "is a JPEG file with several frames");
    }
    int count = length >= 8 ? file[at + 7] & 0xFF : 0;
    if (count == 0 || length != 8 + 3 * count) {
      throw ImageDecoder.corrupt(name, "its frame header is damaged");
    }
    int bits = file[at + 2] & 0xFF;
    if (bits != 8) {
      throw ImageDecoder.unsupported(name, "is a JPEG file with samples of " + bits + " bits");
    }
    height = u16(at + 3);
    width = u16(at + 5);
    if (width == 0 || height == 0) {
      throw ImageDecoder.unsupported(
          name, "is a JPEG file of %s x %s declared pixels".formatted(width, height));
    }
    progressive = marker == PROGRESSIVE;
    copy(at - 2, at + 8);
    for (int c = 0; c < count; c++) {
      int from = at + 8 + 3 * c;
      int factors = file[from + 1] & 0xFF;
      int id = file[from] & 0xFF;
      if (components.stream().anyMatch(before -> before.id() == id)) {
        throw ImageDecoder.corrupt(name, "two of its components have the id " + id);
      }
      components.add(new JpegFrame.Component(id, factors >> 4, factors & 15));
      stream.write(c + 1);
      copy(from + 1, from + 3);
    }
  }

  private static String process(int marker) {
    return switch (marker) {
      case 0xC3 -> "lossless";
      case 0xC5, 0xC6, 0xC7 -> "hierarchical";
      case 0xC9, 0xCA, 0xCB, ARITHMETIC -> "arithmetic coding";
      default -> "hierarchical, arithmetic coding";
    };
  }

  private void scan(int length) throws DataException {
    int count = length >= 3 ? file[at + 2] & 0xFF : 0;
    if (count == 0 || count > components.size() || length != 6 + 2 * count) {
      throw ImageDecoder.corrupt(name, "the header of a scan is damaged");
    }
    if (scans == 0) {
      scanned = count;
    }
    scans++;
    if (scans > MOST_SCANS) {
      throw ImageDecoder.unsupported(
          name, "is a JPEG file with more than " + MOST_SCANS + " scans");
    }
    copy(at - 2, at + 3);
    for (int c = 0; c < count; c++) {
      int id = file[at + 3 + 2 * c] & 0xFF;
      int index = 0;
      while (index < components.size() && components.get(index).id() != id) {
        index++;
      }
      if (index == components.size()) {
        throw ImageDecoder.corrupt(name, "a scan has a component that the frame has not");
      }
      stream.write(index + 1);
      copy(at + 4 + 2 * c, at + 5 + 2 * c);
    }
    copy(at + 3 + 2 * count, at + length);
  }

  /// Copies up to the next marker that is none of the data's own: neither a stuffed zero nor a
  /// restart.
  ///
  /// @return where that marker begins, or the file's end
  private int copyEntropyCoded(int from) {
    int end = from;
    while (end < file.length) {
      if ((file[end] & 0xFF) == 0xFF) {
        int next = end + 1 < file.length ? file[end + 1] & 0xFF : 0xFF;
        if (end + 1 == file.length || (next != 0 && next != 0xFF && !isRestart(next))) {
          break;
        }
      }
      end++;
    }
    copy(from, end);
    return end;
  }

  private void copy(int from, int end) {
    stream.write(file, from, end - from);
  }

  private int u16(int from) {
    return (file[from] & 0xFF) << 8 | (file[from + 1] & 0xFF);
  }
}
