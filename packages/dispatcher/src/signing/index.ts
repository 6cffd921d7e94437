export { type CallSigner, type CallToSign, createCallSigner, signCall, verifyCall } from './call-signature.ts'
export {
  type Ed25519Secret,
  generateSecret,
  type HmacSecret,
  type ParsedSecret,
  parseSecret,
  publicKeyOf,
} from './secret.ts'
export { createSigner, isWebhookId, type Signer } from './signer.ts'
export {
  type VerifyError,
  type VerifyHeaders,
  type VerifyOptions,
  type VerifyReason,
  verify,
} from './verify.ts'
