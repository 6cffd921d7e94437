import type { Capability, Manifest } from '../manifest/capability.ts'

/** A capability that can be called. */
export interface CallableCapability extends Capability {
  /** Key of its circuit and of its records; the same for as long as the app offers it. */
  readonly endpointId: string
}

/** A third-party app, as a call needs it. */
export interface CallableApp {
  readonly id: string
  /**
   * Signs calls: `whsec_…` stands for the bytes that it encodes, any other text for its UTF-8 bytes. Several, newest
   * first, while one is being replaced: each signs.
   */
  readonly secret: string | readonly string[]
  readonly capabilities: ReadonlyMap<string, CallableCapability>
}

/**
 * Where apps are found. A directory that reads a database should keep what it read for a while: each call asks. The
 * same object for the same manifest spares compiling its `responseSchema` anew.
 */
export interface AppDirectory {
  /** The app; undefined if there is none. What it takes counts against the call's time. */
  find(appId: string): CallableApp | undefined | Promise<CallableApp | undefined>
}

/** Apps in this process, for tests and for a platform that has its manifests at hand. */
export class MemoryAppDirectory implements AppDirectory {
  readonly #apps = new Map<string, CallableApp>()

  find(appId: string): CallableApp | undefined {
    return this.#apps.get(appId)
  }

  /** Adds an app, or puts a new manifest or secret in the place of the old. Circuits of capabilities that stay are kept. */
  set(
    appId: string,
    { secret, manifest }: { readonly secret: CallableApp['secret']; readonly manifest: Manifest },
  ): void {
    if ([secret].flat().every((text) => text === ''))
      throw new TypeError('the secret of an app must not be empty')
    const capabilities = manifest.capabilities.map((capability): [string, CallableCapability] => [
      capability.name,
      { ...capability, endpointId: `${appId}/${capability.name}` },
    ])
    this.#apps.set(appId, { id: appId, secret, capabilities: new Map(capabilities) })
  }

  /** Forgets an app; whether it was known. */
  delete(appId: string): boolean {
    return this.#apps.delete(appId)
  }
}
