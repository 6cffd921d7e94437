export * from '@posthorn/engine'
