package asymml.trusted.boundary;

/// Which places of a batch hold an example; the rest hold null examples, which fill the slots that
/// Poisson sampling leaves empty. PRIVATE: a worker that knew it would know the size of the draw.
@FunctionalInterface
public interface Occupancy {
  /// Every place holds an example.
  Occupancy FULL = _ -> false;

  /// Whether a place holds a null example.
  ///
  /// @param place from 0
  /// @return true if no example is there
  boolean isNull(int place);
}
