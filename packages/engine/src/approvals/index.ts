export { expireApprovals } from './expire-approvals.ts'
export { tellApp } from './tell-app.ts'
export { withPayload } from './with-payload.ts'
