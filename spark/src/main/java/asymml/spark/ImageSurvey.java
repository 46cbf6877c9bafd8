package asymml.spark;

import asymml.model.Shape;
import asymml.session.StageMember;
import asymml.trusted.data.DataException;
import asymml.trusted.data.ImageSet;
import asymml.trusted.data.Normalization;
import java.io.ByteArrayOutputStream;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;

/// What a pass over the decoded images of a part finds. PRIVATE.
///
/// @param identities of the images, as [ImageSet#identities] gives them
/// @param sums of their levels, as [Normalization#sums] gives them
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record ImageSurvey(byte[] identities, long[][] sums) implements Serializable {
  private static final long serialVersionUID = 1;

  /// How many images are decoded at a time.
  private static final int CHUNK = 256;

  /// The hash of each image's pixels.
  List<String> fingerprints() {
    List<String> found = new ArrayList<>();
    for (int at = 0; at < identities.length; at += ImageSet.IDENTITY_BYTES) {
      found.add(
          HexFormat.of().formatHex(identities, at + Integer.BYTES, at + ImageSet.IDENTITY_BYTES));
    }
    return found;
  }

  /// What a survey needs, as tasks carry it.
  record Form(int height, int width, int channels, List<String> classes, ImageForm decoding)
      implements Serializable {
    private static final long serialVersionUID = 1;

    ImageSurvey survey(StageMember.Images part) throws DataException {
      long[][] sums = new long[channels][2];
      ByteArrayOutputStream identities = new ByteArrayOutputStream();
      for (int from = 0; from < part.labels().length; from += CHUNK) {
        ImageSet images =
            StageMember.decode(
                part,
                IntStream.range(from, Math.min(part.labels().length, from + CHUNK)).toArray(),
                new Shape(height, width, channels),
                classes,
                decoding.decoding());
        add(sums, Normalization.sums(images));
        identities.writeBytes(images.identities());
      }
      return new ImageSurvey(identities.toByteArray(), sums);
    }
  }

  /// Adds to the first sums, and returns it.
  static long[][] add(long[][] sum, long[][] other) {
    for (int c = 0; c < sum.length; c++) {
      for (int level = 0; level < sum[c].length; level++) {
        sum[c][level] += other[c][level];
      }
    }
    return sum;
  }
}
