package dev.kerneltracer.batch;

import dev.kerneltracer.tracer.Outcome;
import dev.kerneltracer.tracer.TraceJob;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The jobs that wait, handed to slots in their order as far as models are there and exclusive
/// groups are free.
final class JobQueue {
  /// A job and how often it has been tried.
  ///
  /// @param missing why its model is not to be had; null where it is here
  record Entry(TraceJob job, int tries, ModelSource.Answer.@Nullable Missing missing) {}

  private final List<Entry> waiting = new ArrayList<>();
  private final int retries;

  /// By the name of a model that is to be downloaded: null until it is known.
  private final Map<String, ModelSource.@Nullable Answer> models = new HashMap<>();

  /// Groups at work, with the device.
  private final Set<String> busy = new HashSet<>();

  /// On their way: they may come back.
  private int running;

  private boolean closed;

  JobQueue(List<PlannedJob> jobs, int retries) {
    this.retries = retries;
    for (PlannedJob planned : jobs) {
      waiting.add(new Entry(planned.job(), 0, null));
      if (planned.state() == PlannedJob.State.DOWNLOAD) {
        models.put(planned.model(), null);
      }
    }
  }

  /// The models that are to be downloaded, in the order in which jobs need them, with the number of
  /// these jobs.
  synchronized Map<String, Integer> downloads() {
    Map<String, Integer> wanted = new LinkedHashMap<>();
    for (Entry entry : waiting) {
      String name = entry.job().model().label();
      if (models.containsKey(name)) {
        wanted.merge(name, 1, Integer::sum);
      }
    }
    return wanted;
  }

  /// The next job for a slot; waits for one that may run, and returns null where none will come.
  synchronized @Nullable Entry take(Slot slot) throws InterruptedException {
    while (!closed) {
      Iterator<Entry> entries = waiting.iterator();
      while (entries.hasNext()) {
        Entry entry = located(entries.next());
        if (entry != null && (entry.missing() != null || isFree(entry, slot))) {
          entries.remove();
          running++;
          if (entry.missing() == null && entry.job().tracer().exclusive() != null) {
            busy.add(group(entry, slot));
          }
          return entry;
        }
      }
      if (waiting.isEmpty() && running == 0) {
        notifyAll();
        return null;
      }
      wait();
    }
    return null;
  }

  /// With its model as it was found; null where that is not known yet.
  private @Nullable Entry located(Entry entry) {
    String name = entry.job().model().label();
    if (!models.containsKey(name)) {
      return entry;
    }
    return switch (models.get(name)) {
      case null -> null;
      case ModelSource.Answer.Here here ->
          new Entry(entry.job().withModel(here.model()), entry.tries(), null);
      case ModelSource.Answer.Missing missing -> new Entry(entry.job(), entry.tries(), missing);
    };
  }

  private boolean isFree(Entry entry, Slot slot) {
    return entry.job().tracer().exclusive() == null || !busy.contains(group(entry, slot));
  }

  private static String group(Entry entry, Slot slot) {
    return entry.job().tracer().exclusive() + " on " + slot.device();
  }

  /// The job has left its slot. It waits again, behind all others, where its outcome may change and
  /// it has tries left.
  ///
  /// @param outcome null where a fault of ours ended it
  /// @return whether it waits again
  synchronized boolean finish(Entry entry, Slot slot, @Nullable Outcome outcome) {
    running--;
    if (entry.missing() == null) {
      busy.remove(group(entry, slot));
    }
    boolean again =
        !closed && outcome != null && entry.tries() < retries && mayChange(entry, outcome);
    if (again) {
      waiting.add(new Entry(entry.job(), entry.tries() + 1, null));
    }
    notifyAll();
    return again;
  }

  /// Whether the same job can end otherwise a little later.
  private static boolean mayChange(Entry entry, Outcome outcome) {
    return entry.missing() == null
        && switch (outcome) {
          case FAILED, TIMEOUT, OUT_OF_GPU_MEMORY, KILLED, CRASHED -> true;
          case SUCCESS, INCOMPLETE_MODEL, UNSUPPORTED_MODEL, GATED_MODEL, CANCELLED, SKIPPED ->
              false;
        };
  }

  /// What came of a download.
  synchronized void found(String name, ModelSource.Answer answer) {
    models.put(name, answer);
    notifyAll();
  }

  /// Hands out nothing more.
  synchronized void close() {
    closed = true;
    notifyAll();
  }
}
