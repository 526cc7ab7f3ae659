// A component that is drawn again only when one of its properties is another one (or a signal that it reads changes).
import { Component, type ComponentType } from "preact";

export function memo<P extends object>(Inner: ComponentType<P>): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P) {
      const now = this.props as P;
      return (Object.keys(next) as (keyof P)[]).some((name) => next[name] !== now[name]);
    }
    override render() {
      return <Inner {...this.props as P} />;
    }
  };
}
