package asymml.spark;

import asymml.session.StageMember;
import java.io.Serializable;

/// The images of a partition, as files, with their labels. PRIVATE.
///
/// @param index of the partition
/// @param first number of its first image among those of all partitions
/// @param content bytes of JPEG or PNG files
/// @param labels of each
@SuppressWarnings("ArrayRecordComponent") // Never compared.
record Part(int index, long first, byte[][] content, int[] labels) implements Serializable {
  private static final long serialVersionUID = 1;

  StageMember.Images images() {
    return new StageMember.Images(first, content, labels);
  }
}
