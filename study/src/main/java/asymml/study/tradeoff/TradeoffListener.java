package asymml.study.tradeoff;

import asymml.study.tradeoff.Tradeoff.Cell;
import asymml.study.tradeoff.Tradeoff.Point;
import java.time.Duration;

/// Hears how a grid goes. Called on the thread that trains.
public interface TradeoffListener {
  /// A cell begins, or is resumed from its checkpoint.
  ///
  /// @param point its place in the grid
  /// @param number from 1, counting those that were finished before
  void started(Point point, int number);

  /// Training diverged: an answer, at this rank the noise is too strong.
  ///
  /// @param point its place in the grid
  /// @param message one line
  void diverged(Point point, String message);

  /// A cell is done and its result written.
  ///
  /// @param point its place in the grid
  /// @param cell what became of it
  /// @param left an estimate for the rest of the grid
  void finished(Point point, Cell cell, Duration left);
}
