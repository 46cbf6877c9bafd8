package asymml.trusted.run;

import java.io.IOException;

/// Whose consent the steps of a run need before anything of them is released. Whoever consents
/// counts, so that what an old copy of the run would release a second time shows.
public interface StepLease {
  /// Nobody's.
  StepLease NONE =
      new StepLease() {
        @Override
        public long counted(long listed, long most) {
          return listed;
        }

        @Override
        public void change(long from, long to) {}
      };

  /// How many steps of a run that is resumed are spent.
  ///
  /// @param listed how many its ledger lists
  /// @param most how many more can have been consented to before the ledger was written
  /// @return at least `listed`; what was consented to is spent, whether or not it was used
  /// @throws IOException one line, if the run is an old copy, or nobody can be asked
  long counted(long listed, long most) throws IOException;

  /// Asks for consent to further steps, or gives back what was not used.
  ///
  /// @param from how many steps are counted
  /// @param to how many are to be counted
  /// @throws IOException one line, if it is not given: nothing may be released then
  void change(long from, long to) throws IOException;
}
