package dev.kerneltracer.report;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.analysis.KernelTable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// `profiler_report.txt`: the thirty heaviest kernels, the kernels of the core groups, then all
/// kernels, in milliseconds, for people and for scripts that search it.
final class ProfilerReport {
  private static final int TOP = 30;
  private static final String RULE = "=".repeat(100);

  private ProfilerReport() {}

  static void write(Path target, KernelTable sorted, KernelNames names) {
    KernelTable kernels = sorted.sortedBy(KernelTable.Order.TOTAL);
    StringBuilder out = new StringBuilder();
    long calls = kernels.rows().stream().mapToLong(KernelTable.Row::calls).sum();
    out.append("Kernels: ").append(kernels.rows().size());
    out.append(", calls: ").append(calls);
    out.append(", total: ").append(Amount.decimal(kernels.totalNs() / 1e6, 3)).append(" ms\n\n");
    int top = Math.min(TOP, kernels.rows().size());
    section(out, "Top " + TOP + " kernels by time", kernels.rows().subList(0, top));
    section(out, "Core kernels: attention", ofGroup(kernels, names, "attention"));
    section(out, "Core kernels: normalization", ofGroup(kernels, names, "normalization"));
    section(out, "Core kernels: rotary", ofGroup(kernels, names, "rope"));
    section(out, "Core kernels: activation", ofGroup(kernels, names, "activation"));
    section(out, "All kernels", kernels.rows());
    AtomicFile.write(target, to -> to.write(out.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static List<KernelTable.Row> ofGroup(
      KernelTable kernels, KernelNames names, String group) {
    return kernels.rows().stream().filter(row -> names.group(row.kernel()).equals(group)).toList();
  }

  private static void section(StringBuilder out, String title, List<KernelTable.Row> rows) {
    out.append(RULE).append('\n').append(title).append('\n').append(RULE).append('\n');
    if (rows.isEmpty()) {
      out.append("(none)\n\n");
      return;
    }
    line(out, "Total (ms)", "Calls", "Avg (ms)", "Kernel");
    for (KernelTable.Row row : rows) {
      line(
          out,
          Amount.decimal(row.totalNs() / 1e6, 3),
          String.valueOf(row.calls()),
          Amount.decimal(row.averageNs() / 1e6, 6),
          row.kernel().replace('\n', ' '));
    }
    out.append('\n');
  }

  private static void line(
      StringBuilder out, String total, String calls, String average, String kernel) {
    right(out, total, 14);
    out.append(' ');
    right(out, calls, 10);
    out.append(' ');
    right(out, average, 14);
    out.append("  ").append(kernel).append('\n');
  }

  private static void right(StringBuilder out, String text, int width) {
    out.repeat(' ', Math.max(0, width - text.length())).append(text);
  }
}
