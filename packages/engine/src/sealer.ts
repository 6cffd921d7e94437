import type { Keyring } from '@posthorn/db'

const DELIVERY_HEADERS = 'delivery:headers'

/** Seals what one delivery alone carries. Users put credentials into headers. */
export interface Sealer {
  sealDeliveryHeaders(headers: Readonly<Record<string, string>>): Buffer
  openDeliveryHeaders(sealed: Buffer): Record<string, string>
}

/** @param keyring the engine's own */
export function createSealer(keyring: Keyring): Sealer {
  return {
    sealDeliveryHeaders: (headers) => keyring.seal(JSON.stringify(headers), DELIVERY_HEADERS),
    openDeliveryHeaders: (sealed) =>
      JSON.parse(keyring.open(sealed, DELIVERY_HEADERS)) as Record<string, string>,
  }
}
