declare module 'promises-aplus-tests' {
  interface Deferred {
    promise: PromiseLike<unknown>;
    resolve(value: unknown): void;
    reject(reason: unknown): void;
  }
  interface FailedTest {
    fullTitle(): string;
  }
  export interface Runner {
    on(event: 'pass' | 'fail', listener: (test: FailedTest, error: unknown) => void): void;
  }
  export default function runSuite(
    adapter: { deferred(): Deferred },
    options: { reporter: new (runner: Runner) => unknown; timeout: number },
    callback: () => void,
  ): void;
}
