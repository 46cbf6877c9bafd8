package asymml.study.attack;

import asymml.analysis.Maps;
import asymml.analysis.ReleasedMembership.Shadow;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// What is the same for several plans, and expensive: what attacks make of clear data, and shadow
/// models.
final class AttackCache {
  private final Map<List<Object>, Maps> best = new HashMap<>();
  private final Map<List<Object>, List<Shadow>> shadows = new HashMap<>();

  Maps best(List<Object> key, Supplier<Maps> attack) {
    return best.computeIfAbsent(key, _ -> attack.get());
  }

  List<Shadow> shadows(List<Object> key, Supplier<List<Shadow>> training) {
    return shadows.computeIfAbsent(key, _ -> training.get());
  }
}
