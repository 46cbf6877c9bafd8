package asymml.trusted.plan;

import asymml.privacy.Channel;
import asymml.privacy.Ledger;
import asymml.privacy.Release;
import java.util.Locale;

/// What rounding costs where values are hidden under masks: masked values and masks are float32,
/// and so are the sums of products that workers compute from them, so that the error is in
/// proportion to the masks and not to what they hide.
public final class MaskPrecision {
  /// The root mean square error of a result, relative to that of the exact one, for each time that
  /// masks are larger than what they hide. Measured (`asymml analyze masks`): 1.1e-7 to 5e-7 in the
  /// layers of a ResNet-20, so that this is the upper end.
  public static final double ERROR = 5e-7;

  /// The largest error predicted that a run may have.
  public static final double LARGEST = 1e-2;

  private MaskPrecision() {}

  /// The relative error predicted of results on a release under masks.
  ///
  /// @param release with a Gaussian mechanism, whose noise is the masks
  /// @return root mean square error over root mean square
  public static double predicted(Release release) {
    return ERROR * release.noiseRatio();
  }

  /// The largest error predicted for the masked releases of a run.
  ///
  /// @param ledger of the run
  /// @return as [#predicted], 0 if nothing is sent to a worker under masks
  public static double largest(Ledger ledger) {
    return ledger.entries().stream()
        .flatMap(entry -> entry.releases().stream())
        .filter(MaskPrecision::masked)
        .mapToDouble(MaskPrecision::predicted)
        .max()
        .orElse(0);
  }

  private static boolean masked(Release release) {
    return release.mechanism() instanceof Release.Gaussian
        && (release.channel() == Channel.RESIDUALS || release.channel() == Channel.GRADIENTS);
  }

  /// Refuses masks so large that what they hide is lost in the rounding of float32.
  ///
  /// @param release any
  /// @throws IllegalArgumentException if the error predicted for it is above [#LARGEST]
  public static void require(Release release) {
    if (masked(release) && predicted(release) > LARGEST) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "at a mask-to-signal ratio of %.0f for %s of %s the error after removing masks is"
                  + " about %.2g, above %.2g: lower the noise multiplier or raise the target"
                  + " epsilon",
              release.noiseRatio(),
              release.channel().label(),
              release.layer(),
              predicted(release),
              LARGEST));
    }
  }
}
