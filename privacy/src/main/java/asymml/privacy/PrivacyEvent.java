package asymml.privacy;

import java.util.List;

/// What was released about the examples of a data set, as data that an [Accountant] interprets.
///
/// Adjacency: two data sets that differ in one example, which is present in one and replaced by the
/// null example in the other (zero-out; the sensitivity of a release is its clip norm C). Where one
/// real example may replace another, the sensitivity is 2C: halve the noise multiplier.
public sealed interface PrivacyEvent {
  /// Nothing was released.
  record NoOp() implements PrivacyEvent {}

  /// One release with Gaussian noise.
  ///
  /// @param noiseMultiplier z, the noise's deviation over the release's L2 sensitivity
  record Gaussian(NoiseMultiplier noiseMultiplier) implements PrivacyEvent {}

  /// Several events about the same examples; each may depend on what the earlier ones released.
  ///
  /// @param events the events, in any order; may be empty
  record Composed(List<PrivacyEvent> events) implements PrivacyEvent {
    /// Copies the list.
    public Composed {
      events = List.copyOf(events);
    }
  }

  /// The same event again and again.
  ///
  /// @param event the event
  /// @param count how often, at least 0
  record SelfComposed(PrivacyEvent event, long count) implements PrivacyEvent {
    /// Checks the count.
    ///
    /// @throws IllegalArgumentException if the count is negative
    public SelfComposed {
      if (count < 0) {
        throw new IllegalArgumentException(
            "an event cannot happen a negative number of times: " + count);
      }
    }
  }

  /// An event on a Poisson sample: each example takes part with the same probability,
  /// independently, and the observer cannot tell which examples were sampled; the number of slots
  /// must not reveal it either.
  ///
  /// @param rate the probability q
  /// @param event what is released about the sampled examples; all of it about the same sample
  record PoissonSampled(SamplingRate rate, PrivacyEvent event) implements PrivacyEvent {}

  /// A release without a mechanism: whatever else is done, epsilon is infinite.
  ///
  /// @param reason what left and why nothing covers it; shown to the user, so no private value
  record Unprotected(String reason) implements PrivacyEvent {
    /// Checks that there is a reason.
    ///
    /// @throws IllegalArgumentException if the reason is blank
    public Unprotected {
      if (reason.isBlank()) {
        throw new IllegalArgumentException("an unprotected release needs a reason");
      }
    }
  }
}
