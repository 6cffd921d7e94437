import { chmod, mkdir, mkdtemp, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { placeCluster } from './cluster-place.ts'

describe.runIf(userInfo().uid === 0)('placeCluster as root', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'posthorn-place-'))
    await chmod(folder, 0o755)
    for (const name of ['open', 'elsewhere', 'closed', 'closed/inner']) await mkdir(join(folder, name))
    await chmod(join(folder, 'closed'), 0o700)
  })
  const place = (name: string, elsewhere = ['elsewhere']) =>
    placeCluster(
      join(folder, name),
      elsewhere.map((each) => join(folder, each)),
    )

  it('is inside where every user can enter', async () => {
    expect(await place('open')).toEqual({ path: join(folder, 'open/postgres'), reason: undefined })
  })

  it('is elsewhere below a closed folder, always in the same place, another one for another directory', async () => {
    const found = await place('closed/inner')
    expect(dirname(dirname(found.path))).toBe(join(folder, 'elsewhere'))
    expect(found.reason).toContain(`cannot enter ${join(folder, 'closed')}`)
    expect((await stat(dirname(found.path))).mode & 0o777).toBe(0o755)
    expect((await place('closed/inner')).path).toBe(found.path)
    expect((await place('closed')).path).not.toBe(found.path)
  })

  it('goes on to the next place, and stays where a cluster is', async () => {
    await writeFile(join(folder, 'file'), '')
    const second = await place('closed', ['file', 'elsewhere'])
    expect(second.path).toContain(join(folder, 'elsewhere'))
    await mkdir(second.path)
    await writeFile(join(second.path, 'PG_VERSION'), '18')
    expect((await place('closed', ['open', 'elsewhere'])).path).toBe(second.path)
  })

  it('says so when there is no place', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(place('closed', ['file'])).rejects.toThrow('no other place')
  })
})

describe.runIf(userInfo().uid !== 0)('placeCluster', () => {
  it('is inside, whoever can enter', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-place-'))
    expect(await placeCluster(folder)).toEqual({ path: join(folder, 'postgres'), reason: undefined })
  })
})
