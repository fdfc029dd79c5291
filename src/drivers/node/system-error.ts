import { SystemError } from '../../interface/index.ts';

/** Node's own error for a failed system call, with what was being done said first. */
export function systemError(doing: string, error: unknown): SystemError {
  if (error instanceof SystemError) return error;
  const fields = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const why = fields.message.replace(/^[a-z]+ (E[A-Z0-9_]+)\b.*$/, '$1');
  return new SystemError(
    `Cannot ${doing}: ${why}`,
    {
      code: fields.code ?? 'EUNKNOWN',
      errno: fields.errno,
      syscall: fields.syscall,
      address: fields.address,
      port: fields.port,
    },
    { cause: error },
  );
}
