package dev.kerneltracer.report;

import dev.kerneltracer.analysis.OperatorKernelTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Operators with their kernels as CSV: an operator with several kernels continues on rows whose
/// first two cells are empty, one without a kernel leaves the last ones empty.
public final class OperatorKernelsFile {
  private static final List<String> COLUMNS =
      List.of("cpu_op_name", "cpu_op_total_count", "gpu_kernel_name", "gpu_kernel_total_count");

  private OperatorKernelsFile() {}

  /// Writes the whole file.
  ///
  /// @param times adds the column `device_ns`, the time of the kernel's calls by the operator
  public static void write(Path target, OperatorKernelTable table, boolean times) {
    List<String> header = new ArrayList<>(COLUMNS);
    if (times) {
      header.add("device_ns");
    }
    CsvFile.write(
        target,
        header,
        csv -> {
          for (OperatorKernelTable.Row row : table.rows()) {
            write(csv, row, times);
          }
        });
  }

  private static void write(CsvFile csv, OperatorKernelTable.Row row, boolean times) {
    csv.cell(row.operator()).cell(row.calls());
    if (row.kernels().isEmpty()) {
      csv.empty().empty();
      if (times) {
        csv.empty();
      }
      csv.endRow();
    }
    for (int i = 0; i < row.kernels().size(); i++) {
      OperatorKernelTable.Kernel kernel = row.kernels().get(i);
      if (i > 0) {
        csv.empty().empty();
      }
      csv.cell(kernel.kernel()).cell(kernel.calls());
      if (times) {
        csv.cell(kernel.totalNs());
      }
      csv.endRow();
    }
  }
}
