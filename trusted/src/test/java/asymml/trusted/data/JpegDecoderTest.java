package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Files of [JpegFiles] against the formulas of T.871 and T.872 in double precision.
class JpegDecoderTest {
  private static final int WIDTH = 29;
  private static final int HEIGHT = 19;

  /// Of ramps: a level of luma and one of chroma, times 1.772, are lost in the coefficients.
  private static final int RAMP_TOLERANCE = 3;

  /// Of images of one colour, which a JPEG file keeps exactly: rounding.
  private static final int FLAT_TOLERANCE = 1;

  /// Samples of images of one colour: within and beyond the limits of RGB.
  private static final double[][] FLAT = {
    {128, 128, 128, 128},
    {76, 85, 255, 255},
    {150, 44, 21, 200},
    {29, 255, 107, 100},
    {255, 1, 250, 3},
    {0, 200, 9, 254}
  };

  /// Linear, so that smooth upsampling reproduces them, and far from the limits of RGB.
  private static final List<JpegFiles.Plane> PLANES =
      List.of(
          (x, y) -> 100 + 1.5 * x + 1.25 * y,
          (x, y) -> 140 - 0.3 * x + 0.2 * y,
          (x, y) -> 118 + 0.25 * x - 0.3 * y,
          (x, y) -> 200 - 1.0 * x + 0.9 * y);

  private static final int[] NUMBERS = {1, 2, 3, 4};
  private static final int[] LETTERS = {'R', 'G', 'B', 'X'};
  private static final int[] FROM_ZERO = {0, 1, 2, 3};
  private static final int[] ODD = {7, 200, 34, 9};

  private final ImageDecoder decoder = new ImageDecoder(DataLimits.DEFAULT);
  private final TreeMap<String, int[]> matrix = new TreeMap<>();
  private int tried;

  @AfterEach
  void close() {
    decoder.close();
  }

  /// The colours that components stand for.
  private interface Model {
    double[] rgb(double[] samples);
  }

  private static double[] ycc(double[] s) {
    return new double[] {
      s[0] + 1.402 * (s[2] - 128),
      s[0] - (0.114 * 1.772 * (s[1] - 128) + 0.299 * 1.402 * (s[2] - 128)) / 0.587,
      s[0] + 1.772 * (s[1] - 128)
    };
  }

  /// Samples are complements of inks.
  private static double[] cmyk(double[] s) {
    double[] rgb = new double[3];
    for (int c = 0; c < 3; c++) {
      rgb[c] = 255 - Math.min(255, 255 - s[c] + 255 - s[3]);
    }
    return rgb;
  }

  /// What stands for red is the complement of the complement of cyan.
  private static double[] ycck(double[] s) {
    double[] inks = ycc(s);
    double[] stored = new double[4];
    for (int c = 0; c < 3; c++) {
      stored[c] = 255 - Math.clamp(inks[c], 0, 255);
    }
    stored[3] = s[3];
    return cmyk(stored);
  }

  private static List<JpegFiles.Component> components(int count, int[] ids, int h, int v) {
    return IntStream.range(0, count)
        .mapToObj(c -> {
          boolean whole = c == 0 || c == 3;
          return new JpegFiles.Component(ids[c], whole ? h : 1, whole ? v : 1, PLANES.get(c));
        })
        .toList();
  }

  private void check(
      String kind, Model model, int channels, List<JpegFiles.Component> parts, byte[]... segments)
      throws DataException {
    for (boolean progressive : new boolean[] {false, true}) {
      String what = kind + (progressive ? ", progressive" : ", baseline");
      int ramp = deviation(what, model, channels, parts, progressive, segments);
      assertThat(ramp).as(what).isLessThanOrEqualTo(RAMP_TOLERANCE);
      int flat = 0;
      for (double[] colour : FLAT) {
        List<JpegFiles.Component> constant =
            IntStream.range(0, parts.size())
                .mapToObj(c -> {
                  JpegFiles.Component part = parts.get(c);
                  return new JpegFiles.Component(
                      part.id(), part.horizontal(), part.vertical(), (_, _) -> colour[c]);
                })
                .toList();
        flat = Math.max(flat, deviation(what, model, channels, constant, progressive, segments));
      }
      assertThat(flat).as(what).isLessThanOrEqualTo(FLAT_TOLERANCE);
      int f = flat;
      matrix.merge(
          kind.replaceAll(", sampled.*", ""),
          new int[] {f, ramp},
          (l, r) -> new int[] {Math.max(l[0], r[0]), Math.max(l[1], r[1])});
    }
  }

  /// The largest difference to the formulas, in levels.
  private int deviation(
      String kind,
      Model model,
      int channels,
      List<JpegFiles.Component> parts,
      boolean progressive,
      byte[]... segments)
      throws DataException {
    byte[] file = JpegFiles.encode(WIDTH, HEIGHT, parts, progressive, segments);
    DecodedImage image = decoder.decode("x.jpg", file);
    tried++;
    assertThat(image.shape()).as(kind).isEqualTo(new Shape(HEIGHT, WIDTH, channels));
    int largest = 0;
    for (int p = 0; p < WIDTH * HEIGHT; p++) {
      int row = p / WIDTH;
      double x = p % WIDTH + 0.5;
      double y = row + 0.5;
      double[] samples = parts.stream().mapToDouble(c -> c.plane().at(x, y)).toArray();
      double[] expected = model.rgb(samples);
      for (int c = 0; c < channels; c++) {
        double level = Math.clamp(Math.rint(expected[c]), 0, 255);
        largest =
            Math.max(largest, (int) Math.abs((image.pixels()[p * channels + c] & 0xFF) - level));
      }
    }
    return largest;
  }

  /// All combinations that are not ambiguous.
  @Test
  void every_colour_model_marker_and_component_id_gives_the_reference_pixels()
      throws DataException {
    byte[] none = {};
    byte[][] markers = {
      none, JpegFiles.jfif(), JpegFiles.adobe(0), JpegFiles.adobe(1), JpegFiles.exif(1)
    };
    for (byte[] marker : markers) {
      for (int[] ids : new int[][] {NUMBERS, LETTERS, FROM_ZERO, ODD}) {
        check("gray", s -> s, 1, components(1, ids, 1, 1), marker);
        check("gray, sampled 2x2", s -> s, 1, components(1, ids, 2, 2), marker);
      }
    }
    for (int[] sampling : new int[][] {{1, 1}, {2, 1}, {2, 2}, {1, 2}}) {
      int h = sampling[0];
      int v = sampling[1];
      String at = ", sampled " + h + "x" + v;
      for (int[] ids : new int[][] {NUMBERS, FROM_ZERO}) {
        check("YCbCr, no marker" + at, JpegDecoderTest::ycc, 3, components(3, ids, h, v), none);
        check(
            "YCbCr, EXIF" + at,
            JpegDecoderTest::ycc,
            3,
            components(3, ids, h, v),
            JpegFiles.exif(1));
      }
      for (int[] ids : new int[][] {NUMBERS, FROM_ZERO, ODD}) {
        List<JpegFiles.Component> three = components(3, ids, h, v);
        check("YCbCr, JFIF" + at, JpegDecoderTest::ycc, 3, three, JpegFiles.jfif());
        check("YCbCr, Adobe" + at, JpegDecoderTest::ycc, 3, three, JpegFiles.adobe(1));
        check(
            "YCbCr, JFIF and EXIF" + at,
            JpegDecoderTest::ycc,
            3,
            three,
            JpegFiles.jfif(),
            JpegFiles.exif(1));
        check(
            "YCbCr, JFIF and Adobe" + at,
            JpegDecoderTest::ycc,
            3,
            three,
            JpegFiles.jfif(),
            JpegFiles.adobe(1));
        check("RGB, Adobe" + at, s -> s, 3, three, JpegFiles.adobe(0));
      }
      for (int[] ids : new int[][] {NUMBERS, LETTERS, FROM_ZERO, ODD}) {
        List<JpegFiles.Component> four = components(4, ids, h, v);
        check("CMYK, Adobe" + at, JpegDecoderTest::cmyk, 3, four, JpegFiles.adobe(0));
        check(
            "CMYK, Adobe and EXIF" + at,
            JpegDecoderTest::cmyk,
            3,
            four,
            JpegFiles.exif(1),
            JpegFiles.adobe(0));
        check("YCCK, Adobe" + at, JpegDecoderTest::ycck, 3, four, JpegFiles.adobe(2));
        check(
            "YCCK, JFIF and Adobe" + at,
            JpegDecoderTest::ycck,
            3,
            four,
            JpegFiles.jfif(),
            JpegFiles.adobe(2));
      }
    }
    List<JpegFiles.Component> letters = components(3, LETTERS, 1, 1);
    check("RGB, ids R G B", s -> s, 3, letters, none);
    check("RGB, ids R G B, EXIF", s -> s, 3, letters, JpegFiles.exif(1));
    check("RGB, ids R G B, Adobe", s -> s, 3, letters, JpegFiles.adobe(0));
    check("YCbCr, odd ids, sampled 2x2", JpegDecoderTest::ycc, 3, components(3, ODD, 2, 2), none);
    System.out.printf(
        "JPEG: %d files, baseline and progressive, sampled 1x1, 2x1, 2x2 and 1x2;"
            + " largest deviation in levels, of one colour and of ramps:%n",
        tried);
    matrix.forEach((kind, most) -> System.out.printf("  %-45s %d, %d%n", kind, most[0], most[1]));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "4 | 1,2,3,4  |      | four components and no Adobe marker",
        "4 | 1,2,3,4  | J    | four components and no Adobe marker",
        "4 | 1,2,3,4  | A1   | its Adobe marker the transform 1",
        "3 | 7,8,9    |      | neither a JFIF nor an Adobe marker, and its components are called 7,"
            + " 8 and 9",
        "3 | 1,2,3    | A2   | its Adobe marker has the transform 2",
        "3 | 1,2,3    | J,A0 | its Adobe marker says RGB and its JFIF marker YCbCr",
        "3 | 82,71,66 | J    | called R, G and B and its marker says YCbCr",
        "3 | 82,71,66 | A1   | called R, G and B and its marker says YCbCr",
        "2 | 1,2      |      | is a JPEG file with 2 components",
      })
  void what_is_ambiguous_is_refused_by_name(int count, String ids, String markers, String why) {
    int[] numbers = Arrays.stream(ids.split(",")).mapToInt(Integer::parseInt).toArray();
    byte[][] segments =
        Arrays.stream(markers == null ? new String[0] : markers.split(","))
            .map(m -> m.equals("J") ? JpegFiles.jfif() : JpegFiles.adobe(m.charAt(1) - '0'))
            .toArray(byte[][]::new);
    byte[] file =
        JpegFiles.encode(WIDTH, HEIGHT, components(count, numbers, 1, 1), false, segments);
    assertThatThrownBy(() -> decoder.decode("x.jpg", file))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("x.jpg ")
        .hasMessageContaining(why)
        .hasMessageEndingWith("; convert it to a plain RGB or gray JPEG or PNG");
  }

  @Test
  void black_ink_of_one_half_is_mid_gray() throws DataException {
    JpegFiles.Plane none = (_, _) -> 255;
    List<JpegFiles.Component> parts =
        List.of(
            new JpegFiles.Component(1, 1, 1, none),
            new JpegFiles.Component(2, 1, 1, none),
            new JpegFiles.Component(3, 1, 1, none),
            new JpegFiles.Component(4, 1, 1, (_, _) -> 255 - 128));
    byte[] file = JpegFiles.encode(8, 8, parts, false, JpegFiles.adobe(0));
    assertThat(decoder.decode("x.jpg", file).pixels()).containsOnly(127);
  }

  private static byte[] plain(byte[]... segments) {
    return JpegFiles.encode(WIDTH, HEIGHT, components(3, NUMBERS, 2, 2), false, segments);
  }

  private void assertSamePixels(byte[] file) throws DataException {
    assertThat(decoder.decode("x.jpg", file).pixels())
        .isEqualTo(decoder.decode("x.jpg", plain(JpegFiles.jfif())).pixels());
  }

  @Test
  void orientation_profiles_and_comments_do_not_change_pixels() throws DataException {
    assertSamePixels(plain(JpegFiles.jfif(), JpegFiles.exif(1)));
    int[] badProfile = "ICC_PROFILE\0\1\1no profile".chars().toArray();
    assertSamePixels(plain(JpegFiles.jfif(), JpegFiles.segment(0xE2, badProfile)));
    assertSamePixels(plain(JpegFiles.jfif(), JpegFiles.segment(0xFE, 'a', 0xFF, 0xD9)));
    // JFIF of a version that does not exist, and an extension with a thumbnail.
    byte[] odd = JpegFiles.segment(0xE0, 'J', 'F', 'I', 'F', 0, 9, 9, 0, 0, 1, 0, 1, 0, 0);
    assertSamePixels(plain(odd, JpegFiles.segment(0xE0, 'J', 'F', 'X', 'X', 0, 0x10, 0xFF, 0xD8)));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 200})
  void bytes_before_the_end_mark_are_no_damage(int extra) throws DataException {
    byte[] file = plain(JpegFiles.jfif());
    byte[] longer = Arrays.copyOf(file, file.length + extra);
    Arrays.fill(longer, file.length - 2, longer.length - 2, (byte) 0x55);
    longer[longer.length - 2] = (byte) 0xFF;
    longer[longer.length - 1] = (byte) 0xD9;
    assertSamePixels(longer);
    byte[] after = Arrays.copyOf(file, file.length + extra);
    assertSamePixels(after);
  }

  @Test
  void entropy_coded_data_that_end_early_are_damage() {
    byte[] file = plain(JpegFiles.jfif());
    byte[] cut = Arrays.copyOf(file, file.length - 40);
    cut[cut.length - 2] = (byte) 0xFF;
    cut[cut.length - 1] = (byte) 0xD9;
    assertThatThrownBy(() -> decoder.decode("x.jpg", cut))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("x.jpg is corrupt or truncated: its JPEG data are not whole");
  }

  @Test
  void a_progressive_file_that_lost_its_last_scans_is_damage() {
    byte[] file =
        JpegFiles.encode(WIDTH, HEIGHT, components(3, NUMBERS, 1, 1), true, JpegFiles.jfif());
    int scan = 0;
    for (int i = 0; i < file.length - 1; i++) {
      scan = (file[i] & 0xFF) == 0xFF && (file[i + 1] & 0xFF) == 0xDA ? i : scan;
    }
    byte[] cut = Arrays.copyOf(file, scan);
    assertThatThrownBy(() -> decoder.decode("x.jpg", cut))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("the file ends before its end mark");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "C1 | 8  | 10 | ok",
        "C0 | 12 | 10 | is a JPEG file with samples of 12 bits",
        "C0 | 8  | 0  | is a JPEG file of 29 x 0 declared pixels",
        "C3 | 8  | 10 | of a kind that is not read (lossless)",
        "C6 | 8  | 10 | of a kind that is not read (hierarchical)",
        "C9 | 8  | 10 | of a kind that is not read (arithmetic coding)",
        "CE | 8  | 10 | of a kind that is not read (hierarchical, arithmetic coding)",
      })
  void frames_that_are_not_read_are_named(String process, int bits, int height, String why)
      throws DataException {
    byte[] file = JpegFiles.encode(WIDTH, 10, components(1, NUMBERS, 1, 1), false);
    int frame = frame(file);
    file[frame + 1] = (byte) Integer.parseInt(process, 16);
    file[frame + 4] = (byte) bits;
    file[frame + 6] = (byte) height;
    if (why.equals("ok")) {
      assertThat(decoder.decode("x.jpg", file).shape().height()).isEqualTo(10);
    } else {
      assertThatThrownBy(() -> decoder.decode("x.jpg", file))
          .isInstanceOf(DataException.class)
          .hasMessageContaining(why);
    }
  }

  private static int frame(byte[] file) {
    int at = 0;
    while ((file[at] & 0xFF) != 0xFF || (file[at + 1] & 0xFF) != 0xC0) {
      at++;
    }
    return at;
  }

  @Test
  void a_header_that_declares_too_many_pixels_is_refused_before_memory_is_taken() {
    byte[] file = plain(JpegFiles.jfif());
    int frame = frame(file);
    Arrays.fill(file, frame + 5, frame + 9, (byte) 0xFF);
    assertThatThrownBy(() -> decoder.decode("x.jpg", file))
        .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue())
        .hasMessageContaining(
            "x.jpg declares 65535 x 65535 pixels (width x height), more than the limit of"
                + " 16777216");
  }

  @Test
  void a_flood_of_scans_is_refused() {
    byte[] file =
        JpegFiles.encode(WIDTH, HEIGHT, components(1, NUMBERS, 1, 1), true, JpegFiles.jfif());
    byte[] scan = JpegFiles.segment(0xDA, 1, 1, 0, 1, 63, 0);
    byte[] flood = Arrays.copyOf(file, file.length + 300 * scan.length);
    for (int i = 0; i < 300; i++) {
      System.arraycopy(scan, 0, flood, file.length - 2 + i * scan.length, scan.length);
    }
    assertThatThrownBy(() -> decoder.decode("x.jpg", flood))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("more than 256 scans");
  }
}
