package asymml.trusted.boundary;

import asymml.privacy.Release;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What may be released in the step under way, and has not been yet. The door consumes each planned
/// release once and refuses whatever is not on the list: what was not planned has not been
/// accounted for, and a second release of the same tensor would cost its budget twice.
public final class ReleaseLog {
  private final Map<Release, Integer> outstanding = new HashMap<>();

  /// Starts with nothing allowed.
  public ReleaseLog() {}

  /// Begins a step.
  ///
  /// @param releases all that may be released in it, each as often as it is listed
  public void begin(List<Release> releases) {
    outstanding.clear();
    releases.forEach(release -> outstanding.merge(release, 1, Integer::sum));
  }

  /// Consumes a planned release, before anything of it is written.
  ///
  /// @throws IllegalStateException if it is not planned, or has happened already in this step
  void consume(Release release) {
    Integer left = outstanding.get(release);
    if (left == null) {
      throw new IllegalStateException(
          "the release door refuses %s of %s: no such release is planned for this step, or it has happened"
              .formatted(release.channel().label(), release.layer()));
    }
    if (left == 1) {
      outstanding.remove(release);
    } else {
      outstanding.put(release, left - 1);
    }
  }

  /// Requires that releases have happened.
  ///
  /// @param releases planned for this step
  /// @throws IllegalStateException if one of them is still to come
  public void requireDone(List<Release> releases) {
    for (Release release : releases) {
      if (outstanding.containsKey(release)) {
        throw new IllegalStateException(
            "the noise planned for the %s of %s was not added"
                .formatted(release.channel().label(), release.layer()));
      }
    }
  }
}
