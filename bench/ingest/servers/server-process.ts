import { readConfig, serve, tell } from '../../machine/child-side.ts'
import { makeNaiveServer } from './naive.ts'
import { makeServerWithoutDatabase } from './no-database.ts'

/** The process of a server to compare with. */
const { connectionString } = readConfig<{ connectionString: string | undefined }>()
const server =
  connectionString === undefined ? makeServerWithoutDatabase() : await makeNaiveServer(connectionString)
serve({}, async () => server.close())
const address = await server.listen({ host: '127.0.0.1', port: 0 })
tell('listening', { port: Number(new URL(address).port) })
