package asymml.trusted.boundary;

/// Which places of a batch hold null examples: they fill the slots that Poisson sampling leaves
/// empty. PRIVATE: a worker that knew them would know how many examples were sampled.
@FunctionalInterface
public interface NullExamples {
  /// Every place holds an example.
  NullExamples NONE = _ -> false;

  /// Whether a place holds a null example.
  ///
  /// @param place from 0
  /// @return true if no example is there
  boolean isNull(int place);

  /// Asks that the example at a place, whose values are not finite, counts as a null example from
  /// now on. Several threads may ask, about different places.
  ///
  /// @param place from 0
  /// @return false if that is not possible: then the step ends
  default boolean drop(int place) {
    return false;
  }
}
