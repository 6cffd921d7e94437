import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Heap } from './heap.ts'

it('gives out what was put in, smallest first, whatever was taken out between', () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant('pop' as const)), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(steps, (sequence) => {
      const heap = new Heap<number>((a, b) => a < b)
      const model: number[] = []
      for (const step of sequence) {
        if (step === 'pop') {
          model.sort((a, b) => a - b)
          expect(heap.peek()).toBe(model[0])
          expect(heap.pop()).toBe(model.shift())
        } else {
          heap.push(step)
          model.push(step)
        }
        expect(heap.size).toBe(model.length)
      }
    }),
  )
})
