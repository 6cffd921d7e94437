import { defineConfig } from 'tsup'
import { library } from '../../tsup.shared.ts'

export default defineConfig(
  library({
    index: 'src/index.ts',
    approvals: 'src/approvals/index.ts',
    config: 'src/config/index.ts',
  }),
)
