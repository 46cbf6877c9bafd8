package asymml.spark;

import asymml.session.StageMember;

/// The members of an executor, with their networks: one for each task that runs at a time, used
/// again from stage to stage.
final class Members {
  /// An executor's JVM serves one application, and tasks have no other place in common.
  private static final Pool<StageMember.Job, StageMember> POOL =
      new Pool<>("asymml-member", StageMember::open);

  private Members() {}

  /// Has a member work.
  ///
  /// @param job what members are for; idle ones for another job are closed
  /// @throws Exception what the work throws
  static <T> T with(StageMember.Job job, Pool.Work<StageMember, T> work) throws Exception {
    return POOL.with(job, work);
  }

  /// Closes those that are idle.
  static void closeIdle() {
    POOL.closeIdle();
  }
}
