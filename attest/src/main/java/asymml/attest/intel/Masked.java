package asymml.attest.intel;

/// Comparison of bit fields under a mask.
final class Masked {
  private Masked() {}

  /// Whether the bits under a mask are equal; arrays of one length.
  static boolean equal(byte[] found, byte[] expected, byte[] mask) {
    int difference = 0;
    for (int i = 0; i < mask.length; i++) {
      difference |= (found[i] ^ expected[i]) & mask[i];
    }
    return difference == 0;
  }
}
