package asymml.trusted.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Files of [PngFiles] against the definition: exact.
class PngDecoderTest {
  private static final List<Shape> SIZES =
      List.of(new Shape(1, 1, 1), new Shape(5, 3, 1), new Shape(13, 9, 1), new Shape(8, 16, 1));

  private static DecodedImage decode(byte[] file) throws DataException {
    try (ImageDecoder decoder = new ImageDecoder(DataLimits.DEFAULT)) {
      return decoder.decode("x.png", file);
    }
  }

  private static void assertRefused(byte[] file, String why) {
    assertThatThrownBy(() -> decode(file))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("x.png ")
        .hasMessageContaining(why)
        .hasMessageNotContaining("\n");
  }

  /// A sample that differs in every bit, and opaque alpha.
  private static PngFiles.Samples pattern(int type, int depth) {
    int top = (1 << depth) - 1;
    boolean alpha = type == 4 || type == 6;
    int samples = PngFiles.samples(type);
    return (x, y, s) ->
        alpha && s == samples - 1 ? top : (x * 7919 + y * 104729 + s * 1299709 + x * y * 31) & top;
  }

  @ParameterizedTest
  @CsvSource({
    "0,1", "0,2", "0,4", "0,8", "0,16", "2,8", "2,16", "3,1", "3,2", "3,4", "3,8", "4,8", "4,16",
    "6,8", "6,16"
  })
  void every_colour_type_and_depth_is_exact(int type, int depth) throws DataException {
    PngFiles.Samples samples = pattern(type, depth);
    byte[] palette = new byte[3 << (type == 3 ? depth : 0)];
    for (int i = 0; i < palette.length; i++) {
      palette[i] = (byte) (i * 37 + 11);
    }
    int channels = type == 0 || type == 4 ? 1 : 3;
    double top = (1 << depth) - 1;
    for (Shape size : SIZES) {
      for (boolean interlaced : new boolean[] {false, true}) {
        byte[][] chunks =
            type == 3 ? new byte[][] {PngFiles.chunk("PLTE", palette)} : new byte[0][];
        DecodedImage image =
            decode(
                PngFiles.encode(
                    size.width(), size.height(), type, depth, interlaced, samples, chunks));
        assertThat(image.shape()).isEqualTo(new Shape(size.height(), size.width(), channels));
        for (int i = 0; i < image.pixels().length; i++) {
          int x = i / channels % size.width();
          int y = i / channels / size.width();
          int c = i % channels;
          int expected =
              type == 3
                  ? palette[3 * samples.at(x, y, 0) + c] & 0xFF
                  : (int) Math.rint(samples.at(x, y, c) * 255 / top);
          assertThat(image.pixels()[i] & 0xFF)
              .as("type %d, depth %d, interlaced %s, %s at %d", type, depth, interlaced, size, i)
              .isEqualTo(expected);
        }
      }
    }
    System.out.printf(
        "PNG type %d, %2d bits: 4 sizes, plain and interlaced, 5 filters: exact%n", type, depth);
  }

  @Test
  void a_palette_of_grays_is_gray() throws DataException {
    byte[] palette = PngFiles.chunk("PLTE", new byte[] {5, 5, 5, 90, 90, 90});
    DecodedImage image = decode(PngFiles.encode(2, 1, 3, 1, false, (x, _, _) -> x, palette));
    assertThat(image.shape().channels()).isEqualTo(1);
    assertThat(image.pixels()).containsExactly(5, 90);
  }

  @Test
  void a_transparent_colour_that_no_pixel_has_changes_nothing() throws DataException {
    byte[] unused = PngFiles.chunk("tRNS", new byte[] {0, 9});
    assertThat(decode(PngFiles.encode(2, 1, 0, 8, false, (x, _, _) -> x, unused)).pixels())
        .containsExactly(0, 1);
    byte[] palette = PngFiles.chunk("PLTE", new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
    byte[] third = PngFiles.chunk("tRNS", new byte[] {-1, -1, 0});
    assertThat(decode(PngFiles.encode(2, 1, 3, 2, false, (x, _, _) -> x, palette, third)).pixels())
        .containsExactly(1, 2, 3, 4, 5, 6);
    byte[] almost = PngFiles.chunk("tRNS", new byte[] {0, 1, 0, 1, 0, 2});
    assertThat(decode(PngFiles.encode(1, 1, 2, 8, false, (_, _, _) -> 1, almost)).pixels())
        .containsExactly(1, 1, 1);
  }

  @Test
  void a_pixel_that_is_not_opaque_is_refused() {
    String why = "has transparent pixels";
    byte[] one = PngFiles.chunk("tRNS", new byte[] {0, 1});
    assertRefused(PngFiles.encode(2, 1, 0, 8, false, (x, _, _) -> x, one), why);
    assertRefused(PngFiles.encode(2, 1, 0, 2, false, (x, _, _) -> x, one), why);
    byte[] deep = PngFiles.chunk("tRNS", new byte[] {1, 1});
    assertRefused(PngFiles.encode(1, 1, 0, 16, false, (_, _, _) -> 257, deep), why);
    byte[] colour = PngFiles.chunk("tRNS", new byte[] {0, 1, 0, 2, 0, 3});
    assertRefused(PngFiles.encode(1, 1, 2, 8, false, (_, _, s) -> s + 1, colour), why);
    byte[] palette = PngFiles.chunk("PLTE", new byte[] {1, 2, 3, 4, 5, 6});
    byte[] second = PngFiles.chunk("tRNS", new byte[] {-1, -2});
    assertRefused(PngFiles.encode(2, 1, 3, 1, false, (x, _, _) -> x, palette, second), why);
    assertRefused(PngFiles.encode(1, 1, 4, 8, false, (_, _, _) -> 254), why);
    assertRefused(PngFiles.encode(1, 1, 6, 16, false, (_, _, _) -> 65000), why);
  }

  /// A ramp of 12 bits in 16, as X-ray images are stored.
  @Test
  void a_window_takes_a_part_of_sixteen_bits_and_without_one_too_few_levels_are_refused()
      throws Exception {
    PngFiles.Samples ramp = (x, y, _) -> (y * 16 + x) * 16;
    byte[] file = PngFiles.encode(16, 16, 0, 16, false, ramp);
    assertRefused(
        file,
        "has samples of 16 bits, but none above 4080: taken as 16 bits, 17 levels would be left of"
            + " them; set the window of samples, such as 0:4095");
    try (ImageDecoder decoder =
        new ImageDecoder(DataLimits.DEFAULT, new Decoding.Window(1000, 3000))) {
      byte[] pixels = decoder.decode("x.png", file).pixels();
      for (int i = 0; i < pixels.length; i++) {
        double expected = Math.clamp((i * 16 - 1000) * 255 / 2000.0, 0, 255);
        assertThat(pixels[i] & 0xFF).isEqualTo((int) Math.floor(expected + 0.5));
      }
    }
    try (ImageDecoder decoder =
        new ImageDecoder(DataLimits.DEFAULT, new Decoding.Window(0, 65535))) {
      assertThat(decoder.decode("x.png", file).pixels()[255]).isEqualTo((byte) 16);
    }
    assertThat(decode(PngFiles.encode(16, 16, 0, 16, false, (_, _, _) -> 0)).pixels())
        .containsOnly((byte) 0);
  }

  @Test
  void windows_are_two_numbers_in_order() {
    assertThat(Decoding.Window.parse("0:4095")).hasToString("0:4095");
    for (String text : List.of("", "5", "5:", "a:b", "9:9", "9:8", "-1:5", "0:65536", "1:2:3")) {
      assertThatThrownBy(() -> Decoding.Window.parse(text))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("a window is LOW:HIGH");
    }
  }

  @Test
  void damaged_metadata_are_none_of_our_business_and_damaged_pixels_are() throws DataException {
    byte[] text = PngFiles.chunk("tEXt", new byte[] {'a', 0, 'b'});
    text[9] ^= 1;
    assertThat(decode(PngFiles.encode(1, 1, 0, 8, false, (_, _, _) -> 7, text)).pixels())
        .containsExactly(7);
    byte[] file = PngFiles.encode(9, 9, 0, 8, false, pattern(0, 8));
    byte[] flipped = file.clone();
    flipped[file.length / 2] ^= 1;
    assertRefused(flipped, "a checksum does not match");
    assertRefused(
        PngFiles.encode(1, 1, 0, 8, false, (_, _, _) -> 7, PngFiles.chunk("ABCD")),
        "essential part");
  }

  private static byte[] of(byte[] header, byte[]... chunks) {
    byte[] file = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    file = concatenated(file, header);
    for (byte[] chunk : chunks) {
      file = concatenated(file, chunk);
    }
    return concatenated(file, PngFiles.chunk("IEND"));
  }

  private static byte[] concatenated(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @Test
  void pixels_that_do_not_fit_the_header_are_damage() throws DataException {
    byte[] header = PngFiles.header(2, 2, 8, 0, 0);
    byte[] rows = {0, 1, 2, 0, 3, 4};
    byte[] packed = PngFiles.deflate(rows);
    assertThat(decode(of(header, PngFiles.chunk("IDAT", packed))).pixels())
        .containsExactly(1, 2, 3, 4);
    assertRefused(of(header), "its pixels end early");
    byte[] fewer = PngFiles.deflate(Arrays.copyOf(rows, 5));
    assertRefused(of(header, PngFiles.chunk("IDAT", fewer)), "its pixels end early");
    byte[] noChecksum = Arrays.copyOf(packed, packed.length - 4);
    assertRefused(of(header, PngFiles.chunk("IDAT", noChecksum)), "end before their checksum");
    byte[] wrong = packed.clone();
    wrong[packed.length - 1] ^= 1;
    assertRefused(of(header, PngFiles.chunk("IDAT", wrong)), "compressed pixels are damaged");
    byte[] filter = PngFiles.deflate(new byte[] {5, 1, 2, 0, 3, 4});
    assertRefused(of(header, PngFiles.chunk("IDAT", filter)), "a row has the filter 5");
    // More rows than the header has: as other decoders do, they are passed over.
    byte[] more = PngFiles.deflate(Arrays.copyOf(rows, 60));
    assertThat(decode(of(header, PngFiles.chunk("IDAT", more))).pixels())
        .containsExactly(1, 2, 3, 4);
  }

  @Test
  void palettes_that_do_not_fit_are_damage() {
    assertRefused(PngFiles.encode(1, 1, 3, 8, false, (_, _, _) -> 0), "its palette has 0 bytes");
    byte[] two = PngFiles.chunk("PLTE", new byte[] {1, 2, 3, 4, 5, 6});
    assertRefused(PngFiles.encode(1, 1, 3, 8, false, (_, _, _) -> 2, two), "not in the palette");
    byte[] part = PngFiles.chunk("PLTE", new byte[] {1, 2});
    assertRefused(PngFiles.encode(1, 1, 3, 8, false, (_, _, _) -> 0, part), "palette has 2 bytes");
    byte[] key = PngFiles.chunk("tRNS", new byte[] {1});
    assertRefused(PngFiles.encode(1, 1, 0, 8, false, (_, _, _) -> 0, key), "has 1 bytes");
  }

  @ParameterizedTest
  @CsvSource({"0,3", "1,8", "2,4", "3,16", "4,2", "5,8", "6,1", "7,8", "0,32"})
  void types_and_depths_that_do_not_exist_are_refused(int type, int depth) {
    assertRefused(of(PngFiles.header(1, 1, depth, type, 0)), "of a kind that is not defined");
  }

  @Test
  void sizes_that_cannot_be_are_refused_before_memory_is_taken() {
    assertRefused(of(PngFiles.header(0, 1, 8, 0, 0)), "declares 0 x 1 pixels");
    assertRefused(of(PngFiles.header(-1, 1, 8, 0, 0)), "declares 4294967295 x 1 pixels");
    assertRefused(
        of(PngFiles.header(Integer.MAX_VALUE, Integer.MAX_VALUE, 16, 6, 1)),
        "declares 2147483647 x 2147483647 pixels (width x height), more than the limit of"
            + " 16777216");
    assertRefused(of(PngFiles.header(4097, 4096, 8, 0, 0)), "more than the limit");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 6})
  void the_limit_itself_is_still_read(int limit) throws DataException {
    byte[] file = PngFiles.encode(limit, 1, 0, 8, false, pattern(0, 8));
    byte[] beyond = PngFiles.encode(limit, 2, 0, 8, false, pattern(0, 8));
    try (ImageDecoder decoder = new ImageDecoder(new DataLimits(limit))) {
      assertThat(decoder.decode("x.png", file).shape().width()).isEqualTo(limit);
      assertThatThrownBy(() -> decoder.decode("x.png", beyond))
          .isInstanceOfSatisfying(DataException.class, e -> assertThat(e.isAboveLimit()).isTrue());
    }
  }
}
