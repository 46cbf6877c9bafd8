package asymml.spark;

import asymml.trusted.data.DataException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/// A column of images: bytes of JPEG or PNG files, or what Spark's `image` source reads, pixels as
/// OpenCV has them. The latter are written as PNG files, without loss, so that all else is the same
/// for both.
final class ImageColumn {
  private static final List<String> SOURCE =
      List.of("origin", "height", "width", "nChannels", "mode", "data");

  private static final UDF1<@Nullable Row, byte @Nullable []> PNG =
      image -> image == null ? null : png(image);

  private ImageColumn() {}

  /// Whether it is what Spark's `image` source reads.
  private static boolean isSource(DataType type) {
    return type instanceof StructType struct && Arrays.asList(struct.fieldNames()).equals(SOURCE);
  }

  /// Refuses columns of another type.
  ///
  /// @throws IllegalArgumentException one line, if there is no such column, or it holds no images
  static void require(StructType schema, String name) {
    DataType type = type(schema, name, "imageCol");
    if (!type.equals(DataTypes.BinaryType) && !isSource(type)) {
      throw new IllegalArgumentException(
          "the column %s (imageCol) must hold bytes of JPEG or PNG files, or images of Spark's image source: it holds %s"
              .formatted(name, type.simpleString()));
    }
  }

  /// The images as files.
  ///
  /// @return bytes of JPEG or PNG files; null where there is no image
  static Column files(StructType schema, String name) {
    Column column = named(name);
    return isSource(schema.apply(name).dataType())
        ? functions.udf(PNG, DataTypes.BinaryType).apply(column)
        : column;
  }

  /// The bytes by which images are told apart: those of the file, or of the pixels.
  static Column content(StructType schema, String name) {
    Column column = named(name);
    return isSource(schema.apply(name).dataType()) ? column.getField("data") : column;
  }

  /// The type of a column.
  ///
  /// @param name of the column
  /// @param param that names it
  /// @throws IllegalArgumentException one line, if there is no such column
  static DataType type(StructType schema, String name, String param) {
    if (!Arrays.asList(schema.fieldNames()).contains(name)) {
      throw new IllegalArgumentException(
          "the dataset has no column %s: set %s to one of %s"
              .formatted(name, param, String.join(", ", schema.fieldNames())));
    }
    return schema.apply(name).dataType();
  }

  /// A column by its name, whatever characters that has.
  static Column named(String name) {
    return functions.col("`" + name.replace("`", "``") + "`");
  }

  /// An image of Spark's source as a PNG file.
  ///
  /// @param image of rows from top to bottom, and in a pixel gray, or blue, green, red, or these
  ///   and alpha
  static byte[] png(Row image) throws DataException, IOException {
    int height = image.getInt(1);
    int width = image.getInt(2);
    int channels = image.getInt(3);
    byte[] data = image.getAs(5);
    if (height < 1 || width < 1 || data.length == 0) {
      throw new DataException(
          "an image could not be read by Spark's image source: give it the option dropInvalid, or leave the row out");
    }
    if (!List.of(1, 3, 4).contains(channels) || data.length != (long) height * width * channels) {
      throw new DataException(
          "an image of Spark's source has %s channels and %s bytes for %s x %s pixels: it must have 1, 3 or 4 of a byte each"
              .formatted(channels, data.length, width, height));
    }
    BufferedImage drawn =
        new BufferedImage(
            width,
            height,
            switch (channels) {
              case 1 -> BufferedImage.TYPE_BYTE_GRAY;
              case 3 -> BufferedImage.TYPE_INT_RGB;
              default -> BufferedImage.TYPE_INT_ARGB;
            });
    if (channels == 1) {
      // Not by colours: gray ones are converted.
      drawn.getRaster().setDataElements(0, 0, width, height, data);
    } else {
      draw(data, channels, drawn);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(drawn, "png", out);
    return out.toByteArray();
  }

  private static void draw(byte[] data, int channels, BufferedImage drawn) {
    int at = 0;
    for (int y = 0; y < drawn.getHeight(); y++) {
      for (int x = 0; x < drawn.getWidth(); x++) {
        int alpha = channels == 4 ? data[at + 3] & 0xFF : 0xFF;
        drawn.setRGB(
            x,
            y,
            (alpha << 24)
                | ((data[at + 2] & 0xFF) << 16)
                | ((data[at + 1] & 0xFF) << 8)
                | (data[at] & 0xFF));
        at += channels;
      }
    }
  }
}
