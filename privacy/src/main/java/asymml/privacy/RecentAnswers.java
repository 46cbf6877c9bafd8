package asymml.privacy;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/// The last answers to questions whose answers never change and take long. Threads may share it.
///
/// @param <Q> a question, compared by value
final class RecentAnswers<Q> {
  private final Map<Q, Double> answers;

  /// Keeps none yet.
  ///
  /// @param most how many are kept; the one that was not asked for longest goes first
  RecentAnswers(int most) {
    answers =
        new LinkedHashMap<>(16, 0.75f, true) {
          @Override
          protected boolean removeEldestEntry(Map.Entry<Q, Double> eldest) {
            return size() > most;
          }
        };
  }

  /// An answer that is kept, or a new one.
  ///
  /// @param question what is asked
  /// @param answer finds it; what it throws is thrown, and nothing is kept
  /// @return the answer
  double answer(Q question, DoubleSupplier answer) {
    @Nullable Double known;
    synchronized (answers) {
      known = answers.get(question);
    }
    if (known != null) {
      return known;
    }
    double found = answer.getAsDouble();
    synchronized (answers) {
      answers.put(question, found);
    }
    return found;
  }
}
