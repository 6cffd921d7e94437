import { createPosthorn } from '../../../packages/engine/src/index.ts'

// A worker as a user might run it in a process of their own: with an interceptor that one kind of event brings down.
const posthorn = createPosthorn({
  connectionString: process.env['DATABASE_URL'] ?? '',
  encryptionKeys: process.env['POSTHORN_ENCRYPTION_KEYS'] ?? '',
  allowedCidrs: ['127.0.0.0/8'],
  timeoutMs: 200,
  interceptors: [
    (dispatch) => (options, handler) => {
      const headers = options.headers as Record<string, string>
      if (headers['x-event-type'] === 'lethal') process.kill(process.pid, 'SIGKILL')
      return dispatch(options, handler)
    },
  ],
})
await posthorn.start()
