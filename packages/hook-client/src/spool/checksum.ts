const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})

/**
 * CRC-32 (IEEE 802.3) of a text's UTF-8 as 8 hexadecimal digits. It finds torn and overwritten files, and
 * is no defence against anybody. Our own, since loading `node:crypto` costs a third of a bare start of Node.
 */
export function checksum(text: string): string {
  let crc = 0xffffffff
  for (const byte of Buffer.from(text)) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0')
}
