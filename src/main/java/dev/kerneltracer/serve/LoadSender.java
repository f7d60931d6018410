package dev.kerneltracer.serve;

import dev.kerneltracer.load.LoadPlan;
import dev.kerneltracer.load.LoadRun;
import dev.kerneltracer.load.RequestResult;
import java.util.function.Consumer;
import java.util.function.LongConsumer;

/// Sends a plan to the server that is profiled.
@FunctionalInterface
public interface LoadSender {
  /// Sends all of it and returns when the last request has ended; an interrupt ends what is under
  /// way and returns as well.
  ///
  /// @param began told what [System#nanoTime] said at the zero of the results' times, once, after
  ///   the warm-up
  /// @param ended told of each request, by any thread
  /// @throws dev.kerneltracer.UserException where nothing can be sent
  LoadRun send(LoadPlan plan, LongConsumer began, Consumer<RequestResult> ended);
}
