//! `--query`: a JMESPath expression that selects parts of the result.

use jmespath::ast::Ast;
use jmespath::{Expression, Variable};

use super::Document;
use crate::exit::Failure;

/// A compiled expression.
pub(crate) struct Query(Expression<'static>);

impl Query {
    /// Compiles the expression.
    ///
    /// # Errors
    /// The expression is not valid JMESPath. The failure names the place.
    pub(crate) fn compile(expression: &str) -> Result<Self, Failure> {
        jmespath::compile(expression).map(Self).map_err(|error| bad_query(expression, &error))
    }

    /// Applies the expression.
    ///
    /// # Errors
    /// The expression calls a function with arguments that it does not accept.
    pub(crate) fn search(&self, document: &Document) -> Result<Document, Failure> {
        let found = self.0.search(document).map_err(|error| bad_query(self.0.as_str(), &error))?;
        // The library sorts members. Restore the order of the expression, then that of the result.
        let mut order = Vec::new();
        written_order(self.0.as_ast(), &mut order);
        result_order(document, &mut order);
        Ok(to_document(&found, &order))
    }
}

/// Returns the failure for a wrong expression, with the first line of the library's message. The other lines quote
/// the place.
fn bad_query(expression: &str, error: &jmespath::JmespathError) -> Failure {
    let text = error.to_string();
    let reason = text.lines().next().unwrap_or_default();
    Failure::usage(format_args!("Bad value for --query {expression}: {reason}"))
}

fn to_document(found: &Variable, order: &[String]) -> Document {
    match found {
        Variable::Null | Variable::Expref(_) => Document::Null,
        Variable::Bool(value) => Document::Bool(*value),
        Variable::Number(number) => Document::Number(number.clone()),
        Variable::String(text) => Document::Text(text.clone()),
        Variable::Array(items) => Document::List(items.iter().map(|item| to_document(item, order)).collect()),
        Variable::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| (name.clone(), to_document(value, order))).collect();
            let rank = |name: &str| order.iter().position(|known| known == name).unwrap_or(order.len());
            members.sort_by_key(|(name, _)| rank(name));
            Document::Map(members)
        }
    }
}

/// Collects the names of `{name: …}` in the order of the expression.
fn written_order(ast: &Ast, order: &mut Vec<String>) {
    match ast {
        Ast::MultiHash { elements, .. } => {
            for pair in elements {
                order.push(pair.key.clone());
                written_order(&pair.value, order);
            }
        }
        Ast::MultiList { elements, .. } => elements.iter().for_each(|part| written_order(part, order)),
        Ast::Function { args, .. } => args.iter().for_each(|part| written_order(part, order)),
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => {
            written_order(lhs, order);
            written_order(rhs, order);
        }
        Ast::Condition { predicate, then, .. } => {
            written_order(predicate, order);
            written_order(then, order);
        }
        Ast::Expref { ast, .. } => written_order(ast, order),
        Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } | Ast::Not { node, .. } => {
            written_order(node, order);
        }
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => {}
    }
}

fn result_order(document: &Document, order: &mut Vec<String>) {
    match document {
        Document::List(items) => items.iter().for_each(|item| result_order(item, order)),
        Document::Map(members) => {
            for (name, value) in members {
                order.push(name.clone());
                result_order(value, order);
            }
        }
        Document::Null | Document::Bool(_) | Document::Number(_) | Document::Text(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;
    use crate::exit::Exit;

    fn picked(expression: &str) -> String {
        let document = Document::map([("z", Document::from("1")), ("a", Document::Number(2.into()))]);
        json::render(&Query::compile(expression).unwrap().search(&document).unwrap()).replace([' ', '\n'], "")
    }

    #[test]
    fn the_result_keeps_its_order_and_an_expression_has_its_own() {
        assert_eq!(picked("@"), r#"{"z":"1","a":2}"#);
        assert_eq!(picked("{q:z,b:a}"), r#"{"q":"1","b":2}"#);
        assert_eq!(picked("[a,z]"), r#"[2,"1"]"#);
        assert_eq!(picked("nope"), "null");
    }

    #[test]
    fn a_bad_expression_is_a_usage_failure() {
        assert_eq!(Query::compile("[").err().unwrap().exit(), Exit::Usage);
        let document = Document::from("text");
        assert_eq!(Query::compile("abs(@)").unwrap().search(&document).err().unwrap().exit(), Exit::Usage);
    }
}
