import type { Posthorn } from '@posthorn/engine'

/** A key ring for throw-away databases. */
export const ENCRYPTION_KEYS = `bench:${Buffer.alloc(32, 7).toString('base64')}`
export const ALLOWED_CIDRS = '127.0.0.0/8'

/**
 * A Posthorn that may send to this machine; everything else as it comes. The engine is loaded when it is needed, so
 * that the peers are measured (and ours is reported as failed) when it does not load.
 */
export async function openPosthorn(connectionString: string): Promise<Posthorn> {
  const { createPosthorn } = await import('@posthorn/engine')
  return createPosthorn({ connectionString, encryptionKeys: ENCRYPTION_KEYS, allowedCidrs: [ALLOWED_CIDRS] })
}

/** Opens one, uses it, stops it. */
export async function withPosthorn(
  connectionString: string,
  use: (posthorn: Posthorn) => Promise<unknown>,
): Promise<void> {
  const posthorn = await openPosthorn(connectionString)
  try {
    await use(posthorn)
  } finally {
    await posthorn.stop({ graceMs: 1_000 })
  }
}
