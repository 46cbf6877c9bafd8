package asymml.trusted.data;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import asymml.model.Shape;
import asymml.trusted.draw.SplitMix64;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.WritableRaster;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
  private final ImageDecoder decoder = new ImageDecoder(DataLimits.DEFAULT);

  @AfterEach
  void close() {
    decoder.close();
  }

  private DecodedImage decode(BufferedImage image) throws DataException {
    return decoder.decode("x.png", SampleFiles.encode(image, "png"));
  }

  @Test
  void a_colour_png_gives_rgb_in_rows() throws DataException {
    DecodedImage image = decoder.decode("x.png", SampleFiles.png(3, 2, 0xFF0A80FF));
    assertThat(image.shape()).isEqualTo(new Shape(2, 3, 3));
    assertThat(Arrays.copyOf(image.pixels(), 6)).containsExactly(0, 0, 0, 10, 128, 255);
  }

  @Test
  void a_jpeg_gives_nearly_the_colours_that_went_in() throws DataException {
    BufferedImage plain = new BufferedImage(16, 8, BufferedImage.TYPE_INT_RGB);
    for (int p = 0; p < 16 * 8; p++) {
      plain.setRGB(p % 16, p / 16, 0xFFC86432);
    }
    DecodedImage image = decoder.decode("x.jpg", SampleFiles.encode(plain, "jpeg"));
    assertThat(image.shape()).isEqualTo(new Shape(8, 16, 3));
    int[] expected = {200, 100, 50};
    for (int i = 0; i < image.pixels().length; i++) {
      assertThat(image.pixels()[i] & 0xFF).isBetween(expected[i % 3] - 3, expected[i % 3] + 3);
    }
  }

  @Test
  void the_content_counts_and_not_the_ending() throws DataException {
    assertThat(decoder.decode("x.jpg", SampleFiles.png(3, 2, 0xFF0A80FF)).shape().width())
        .isEqualTo(3);
  }

  @Test
  void gray_levels_are_kept_as_stored() throws DataException {
    DecodedImage png = decoder.decode("x.png", SampleFiles.grayPng(4, 3, 100));
    assertThat(png.shape()).isEqualTo(new Shape(3, 4, 1));
    assertThat(png.pixels()).containsOnly(100);
  }

  @Test
  void gray_is_spread_over_the_channels_of_colour_images() throws DataException {
    DecodedImage image =
        decoder.decode("x.png", SampleFiles.grayPng(4, 3, 100), new Shape(3, 4, 3), "a.png has");
    assertThat(image.shape().channels()).isEqualTo(1);
    assertThat(image.spread(3)).hasSize(36).containsOnly(100);
  }

  @Test
  void another_size_is_refused_with_both_names() {
    byte[] image = SampleFiles.png(4, 3, 0xFF0A80FF);
    assertThatThrownBy(() -> decoder.decode("x.png", image, new Shape(6, 5, 3), "a.png has"))
        .isInstanceOf(DataException.class)
        .hasMessage("x.png is 4 x 3 pixels (width x height), but a.png has 5 x 6; resize it");
  }

  @Test
  void opaque_alpha_is_dropped_and_transparency_refused() throws DataException {
    BufferedImage opaque = SampleFiles.image(3, 2, BufferedImage.TYPE_INT_ARGB, 0xFF0A80FF);
    assertThat(decode(opaque).shape().channels()).isEqualTo(3);
    assertThat(decode(opaque).pixels()).endsWith(10, 128, 255);
    opaque.setRGB(2, 1, 0x800A80FF);
    assertThatThrownBy(() -> decode(opaque))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("x.png has transparent pixels");
  }

  @Test
  void palettes_are_looked_up() throws DataException {
    byte[] levels = {0, 10, (byte) 200};
    byte[] other = {0, 20, (byte) 100};
    BufferedImage colour =
        new BufferedImage(
            2,
            1,
            BufferedImage.TYPE_BYTE_INDEXED,
            new IndexColorModel(8, 3, levels, other, levels));
    colour.getRaster().setSample(1, 0, 0, 2);
    assertThat(decode(colour).pixels()).containsExactly(0, 0, 0, 200, 100, 200);
    BufferedImage gray =
        new BufferedImage(
            2,
            1,
            BufferedImage.TYPE_BYTE_INDEXED,
            new IndexColorModel(8, 3, levels, levels, levels));
    gray.getRaster().setSample(1, 0, 0, 1);
    assertThat(decode(gray).pixels()).containsExactly(0, 10);
  }

  @Test
  void sixteen_bits_are_rounded_to_eight() throws DataException {
    BufferedImage gray = new BufferedImage(3, 1, BufferedImage.TYPE_USHORT_GRAY);
    gray.getRaster().setSamples(0, 0, 3, 1, 0, new int[] {65535, 257 * 100 + 128, 257 * 100 + 129});
    assertThat(decode(gray).pixels()).containsExactly(255, 100, 101);
    ComponentColorModel model =
        new ComponentColorModel(
            ColorSpace.getInstance(ColorSpace.CS_sRGB), false, false, 1, DataBuffer.TYPE_USHORT);
    WritableRaster raster = model.createCompatibleWritableRaster(1, 1);
    raster.setPixel(0, 0, new int[] {257, 514, 65535});
    assertThat(decode(new BufferedImage(model, raster, false, null)).pixels())
        .containsExactly(1, 2, 255);
  }

  @Test
  void black_and_white_png_is_gray() throws DataException {
    DecodedImage image = decode(SampleFiles.image(9, 1, BufferedImage.TYPE_BYTE_BINARY, -1));
    assertThat(image.shape().channels()).isEqualTo(1);
    assertThat(image.pixels()).startsWith(0, 255).endsWith(255);
  }

  @Test
  void a_truncated_png_is_refused_wherever_it_ends() {
    byte[] whole = noise("png");
    for (int length = 4; length < whole.length; length += 7) {
      byte[] part = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> decoder.decode("x", part))
          .as("%d of %d bytes", length, whole.length)
          .isInstanceOf(DataException.class)
          .hasMessageContaining("x is corrupt or truncated");
    }
  }

  @Test
  void a_truncated_jpeg_is_refused_unless_only_its_end_mark_is_missing() throws DataException {
    byte[] whole = noise("jpeg");
    byte[] pixels = decoder.decode("x", whole).pixels();
    int accepted = 0;
    for (int length = 4; length < whole.length; length++) {
      try {
        assertThat(decoder.decode("x", Arrays.copyOf(whole, length)).pixels())
            .as("%d of %d bytes", length, whole.length)
            .isEqualTo(pixels);
        accepted++;
      } catch (DataException e) {
        assertThat(e).hasMessageContaining("x is corrupt or truncated");
      }
    }
    // Half of the mark, or all of it.
    assertThat(accepted).isEqualTo(2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"jpeg", "png"})
  void a_jpeg_or_png_with_flipped_bits_is_decoded_or_refused_but_never_breaks(String format) {
    byte[] whole = noise(format);
    SplitMix64 random = new SplitMix64(2718);
    int refused = 0;
    for (int trial = 0; trial < 500; trial++) {
      byte[] bad = whole.clone();
      for (int flips = 0; flips < 3; flips++) {
        bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      }
      try {
        decoder.decode("x", bad, new Shape(16, 16, 3), "y has");
      } catch (DataException e) {
        refused++;
      }
    }
    System.out.printf("%s, seed 2718: %d of 500 damaged files refused%n", format, refused);
    // A PNG file carries checksums; a JPEG file does not, and most bit patterns mean some image.
    assertThat(refused).isGreaterThanOrEqualTo(format.equals("png") ? 500 : 200);
  }

  private static byte[] noise(String format) {
    SplitMix64 random = new SplitMix64(31);
    BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    for (int p = 0; p < 256; p++) {
      image.setRGB(p % 16, p / 16, (int) random.nextLong());
    }
    return SampleFiles.encode(image, format);
  }

  @Test
  void what_is_no_image_is_refused() {
    assertThatThrownBy(() -> decoder.decode("x.png", new byte[0]))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("x.png is empty");
    assertThatThrownBy(() -> decoder.decode("x.png", "GIF89a".getBytes(US_ASCII)))
        .isInstanceOf(DataException.class)
        .hasMessage(
            "x.png is neither a JPEG nor a PNG file: it begins with \"GIF89a\"; convert or remove"
                + " it");
  }

  @Test
  void predict_reads_one_file(@TempDir Path folder) throws Exception {
    Path file = SampleFiles.write(folder, "one.jpg", SampleFiles.jpeg(8, 6, 0xFFFFFFFF));
    assertThat(ImageFiles.decode(file, new Shape(6, 8, 3), Decoding.DEFAULT)).hasSize(144);
    assertThatThrownBy(() -> ImageFiles.decode(file, new Shape(8, 8, 3), Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("but the network takes 8 x 8; resize it");
    Path missing = folder.resolve("two.jpg");
    assertThatThrownBy(() -> ImageFiles.decode(missing, new Shape(6, 8, 3), Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("two.jpg does not exist");
    assertThatThrownBy(() -> ImageFiles.decode(folder, new Shape(6, 8, 3), Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("is a folder where a file is expected");
  }

  @Test
  void predict_takes_no_colour_for_a_gray_network(@TempDir Path folder) throws Exception {
    Path file = SampleFiles.write(folder, "one.jpg", SampleFiles.jpeg(8, 6, 0xFFFF0000));
    assertThatThrownBy(() -> ImageFiles.decode(file, new Shape(6, 8, 1), Decoding.DEFAULT))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("one.jpg has colour, but the network takes gray images");
  }

  /// Rows and columns of the stored image, as it is turned upright.
  private static byte[] turned(DecodedImage stored, int orientation) {
    int height = stored.shape().height();
    int width = stored.shape().width();
    int channels = stored.shape().channels();
    byte[] turned = new byte[stored.pixels().length];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int mirrored = width - 1 - x;
        int flipped = height - 1 - y;
        int to =
            switch (orientation) {
              case 1 -> y * width + x;
              case 2 -> y * width + mirrored;
              case 3 -> flipped * width + mirrored;
              case 4 -> flipped * width + x;
              case 5 -> x * height + y;
              case 6 -> x * height + flipped;
              case 7 -> mirrored * height + flipped;
              default -> mirrored * height + y;
            };
        System.arraycopy(
            stored.pixels(), (y * width + x) * channels, turned, to * channels, channels);
      }
    }
    return turned;
  }

  @Test
  void images_are_turned_upright_as_their_exif_orientation_says() throws Exception {
    try (ImageDecoder decoder = new ImageDecoder(DataLimits.DEFAULT)) {
      List<JpegFiles.Component> gray =
          List.of(new JpegFiles.Component(1, 1, 1, (x, y) -> 20 * x + 5 * y));
      byte[] png = SampleFiles.png(7, 5, 0xFF123456);
      DecodedImage jpegStored = decoder.decode("a", JpegFiles.encode(7, 5, gray, false));
      DecodedImage pngStored = decoder.decode("a", png);
      for (int orientation = 1; orientation <= 8; orientation++) {
        boolean swaps = orientation >= 5;
        Shape shape = new Shape(swaps ? 7 : 5, swaps ? 5 : 7, 1);
        DecodedImage jpeg =
            decoder.decode(
                "a",
                JpegFiles.encode(7, 5, gray, false, JpegFiles.jfif(), JpegFiles.exif(orientation)),
                shape,
                "others have");
        assertThat(jpeg.shape()).isEqualTo(shape);
        assertThat(jpeg.pixels()).isEqualTo(turned(jpegStored, orientation));
        byte[] exif = JpegFiles.exif(orientation);
        // The segment's marker, length and "Exif" are not in a PNG file.
        byte[] chunk = PngFiles.chunk("eXIf", Arrays.copyOfRange(exif, 10, exif.length));
        byte[] turnedPng = new byte[png.length + chunk.length];
        System.arraycopy(png, 0, turnedPng, 0, PngHeader.END);
        System.arraycopy(chunk, 0, turnedPng, PngHeader.END, chunk.length);
        System.arraycopy(
            png,
            PngHeader.END,
            turnedPng,
            PngHeader.END + chunk.length,
            png.length - PngHeader.END);
        assertThat(decoder.decode("a", turnedPng).pixels())
            .isEqualTo(turned(pngStored, orientation));
        // A damaged chunk of metadata says nothing.
        turnedPng[PngHeader.END + 8 + 5]++;
        assertThat(decoder.decode("a", turnedPng).pixels()).isEqualTo(pngStored.pixels());
      }
    }
  }
}
