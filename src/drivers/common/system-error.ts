import { getSystemErrorMap } from 'node:util';
import { SystemError } from '../../interface/index.ts';

/** Node's own error for a failed system call, with what was being done said first. */
export function systemError(doing: string, error: unknown): SystemError {
  if (error instanceof SystemError) return error;
  const { code, errno, syscall, address, port, message } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const why = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return new SystemError(
    `Cannot ${doing}: ${why === undefined ? message : `${why} (${code})`}`,
    { code: code ?? 'EUNKNOWN', errno, syscall, address, port },
    { cause: error },
  );
}
