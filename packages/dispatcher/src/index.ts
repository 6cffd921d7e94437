export {
  type BodyFormat,
  cloudEventHeaders,
  type EventAttributes,
  formatBody,
} from './delivery/body-format.ts'
export { isReservedHeader, parseCustomHeaders } from './delivery/custom-headers.ts'
export {
  buildDelivery,
  buildDeliveryHeaders,
  type DeliveryHeadersInput,
} from './delivery/delivery-headers.ts'
export type { DispatchRequest, DispatchResult, DispatchTiming } from './http/dispatch-types.ts'
export { createDispatcher, type DispatcherOptions, type WebhookDispatcher } from './http/dispatcher.ts'
export {
  BLOCKED_MESSAGE,
  createNetworkPolicy,
  MAX_URL_LENGTH,
  type NetworkPolicy,
} from './network/network-policy.ts'
export { type HostAddress, type ResolveHost, systemResolve } from './network/resolver.ts'
export { toStorableText } from './storable-text.ts'
export { VERSION } from './version.ts'
