const BLOCK_BYTES = 64

/**
 * HMAC-SHA-256 (RFC 2104, FIPS 180-4) of some bytes, fewer than 512 MiB. Our own, since capture needs it once in a process:
 * loading `node:crypto` costs it 7 ms of a processor where a bare start of Node costs 30, and a library that is made to be
 * fast in the long run 5. From some hundred kilobytes on `node:crypto` is faster all the same.
 * @param key at most 64 bytes
 */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Buffer {
  if (key.length > BLOCK_BYTES) throw new RangeError(`the key has more than ${BLOCK_BYTES} bytes`)
  return sha256([padded(key, 0x5c), sha256([padded(key, 0x36), bytes])])
}

function padded(key: Uint8Array, pad: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES).fill(pad)
  for (const [i, byte] of key.entries()) block[i] = byte ^ pad
  return block
}

/** SHA-256 of some parts, one after the other. */
function sha256(parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  // Behind the text a set bit, zeros, and its length in bits, so that all together is whole blocks.
  const message = Buffer.alloc(Math.ceil((length + 9) / BLOCK_BYTES) * BLOCK_BYTES)
  let end = 0
  for (const part of parts) {
    message.set(part, end)
    end += part.length
  }
  message[length] = 0x80
  message.writeUInt32BE(length * 8, message.length - 4)
  const state = Int32Array.from(INITIAL_STATE)
  for (let start = 0; start < message.length; start += BLOCK_BYTES) addBlock(state, message, start)
  const digest = Buffer.alloc(4 * state.length)
  for (const [i, word] of state.entries()) digest.writeInt32BE(word, 4 * i)
  return digest
}

/** The words of the block at hand, one for each of its rounds. */
const words = new Int32Array(64)

/**
 * One block. Rotations are written out and the state is in variables: the interpreter runs this, to which a call costs
 * more than what is done in it.
 */
function addBlock(state: Int32Array, message: Buffer, start: number): void {
  for (let i = 0; i < 16; i++) words[i] = message.readInt32BE(start + 4 * i)
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15]!
    const y = words[i - 2]!
    const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const other = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[i] = words[i - 16]! + words[i - 7]! + small + other
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let f = state[5]!
  let g = state[6]!
  let h = state[7]!
  for (let i = 0; i < 64; i++) {
    const large = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const first = (h + large + ((e & f) ^ (~e & g)) + ROUNDS[i]! + words[i]!) | 0
    const other = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const second = other + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  state[0]! += a
  state[1]! += b
  state[2]! += c
  state[3]! += d
  state[4]! += e
  state[5]! += f
  state[6]! += g
  state[7]! += h
}

/** The fractions of the square roots of the first eight primes. */
const INITIAL_STATE: readonly number[] = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]

/** The fractions of the cube roots of the first 64. */
const ROUNDS = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
])
