import { Future } from '../coroutines/index.ts';
import { type LostException, reportUnlessAwaited } from '../coroutines/lost-exception.ts';

/**
 * A future whose failure is reported when it happens, unless somebody waits by then, as a task's is: what waits for
 * garbage to be collected would come at another time in every run.
 */
export class ReportedFuture<T> extends Future<T> {
  protected override watchException(exception: unknown): LostException {
    return reportUnlessAwaited(this, exception, this.lossMessage());
  }
}
