package asymml.trusted.bench;

/// What part of a training step cannot be done without, by the resources that it takes.
///
/// @param flops float32 operations of products; a multiply-add is two
/// @param bytes read from memory or written to it, once for each tensor that a pass needs
/// @param noiseValues samples of noise
public record Work(double flops, double bytes, double noiseValues) {
  /// Nothing.
  static final Work NONE = new Work(0, 0, 0);

  /// Both.
  ///
  /// @param other more work
  /// @return the sum
  public Work plus(Work other) {
    return new Work(flops + other.flops, bytes + other.bytes, noiseValues + other.noiseValues);
  }

  static Work flops(double flops) {
    return new Work(flops, 0, 0);
  }

  /// Passes over a tensor of float32.
  static Work passes(double passes, double values) {
    return new Work(0, passes * values * Float.BYTES, 0);
  }

  static Work noise(double values) {
    return new Work(0, 0, values);
  }
}
