import { createServer } from 'node:net'
import { CommandError } from '../terminal/exit-codes.ts'

/** Where a server listens; port 0 is any free one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/**
 * Looks whether a server could listen there now, before anything costly is made for it.
 *
 * @throws CommandError when it could not
 */
export async function checkListenable({ host, port }: ListenAddress): Promise<void> {
  const probe = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject)
      probe.listen({ host, port }, resolve)
    })
  } catch (error) {
    throw listenError(error, { host, port })
  }
  await new Promise((resolve) => probe.close(resolve))
}

/** An error of `listen` as the user is told it. */
export function listenError(error: unknown, { host, port }: ListenAddress): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return new CommandError(`Port ${port} is taken by another program.`, {
      hint: 'Give another one with --port.',
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new CommandError(`It cannot listen on ${host}, port ${port} (${code}).`)
  }
  return error
}
