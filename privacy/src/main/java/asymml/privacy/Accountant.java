package asymml.privacy;

/// Says what a [PrivacyEvent] has cost. Accountants are stateless: the event holds the history.
///
/// Every answer is an upper bound, rounded towards more epsilon and more delta. Where arithmetic
/// does not converge the answer is an exception, never a small number.
public sealed interface Accountant
    permits RdpAccountant, PldAccountant, GaussianAccountant, SampledNoiseAccountant {
  /// The smallest epsilon that this accountant can show for an event.
  ///
  /// @param event what was released
  /// @param delta below 1; at 0 every event that releases anything has an infinite epsilon
  /// @return an upper bound; infinite if the event contains an unprotected release
  /// @throws IllegalArgumentException if the accountant does not support the event or delta is 1
  /// @throws ArithmeticException if the bound did not converge
  Epsilon epsilon(PrivacyEvent event, Delta delta);

  /// The smallest delta that this accountant can show for an event.
  ///
  /// @param event what was released
  /// @param epsilon finite
  /// @return an upper bound; 1 if the event contains an unprotected release
  /// @throws IllegalArgumentException if the accountant does not support the event or epsilon is
  ///   infinite
  /// @throws ArithmeticException if the bound did not converge
  Delta delta(PrivacyEvent event, Epsilon epsilon);

  /// Refuses an event before anything is released that could not be accounted for.
  ///
  /// @param event what is about to be released
  /// @throws IllegalArgumentException if the accountant does not support the event
  void requireSupported(PrivacyEvent event);
}
